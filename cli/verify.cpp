// mlctl verify: is a version still what its digest says?
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/words.h"
#include "cli/workplace.h"
#include "release/reference.h"
#include "release/version_view.h"

namespace mlctl::cli {
namespace {

std::string to_text(const release::Verification& verification, const std::string& shown, const Digest& digest,
                    const Style& style) {
  const auto& report = verification.report;
  const bool whole = report.problems.empty();
  std::string text = paint(symbol(whole ? Symbol::pass : Symbol::fail, style), whole ? Tone::good : Tone::bad, style) +
                     " " + shown + (whole ? " is whole  " : " is not what it should be  ") + to_string(digest) +
                     "\n  " + count_text(report.layers, "layer") + ", " + size_text(report.files, report.bytes) +
                     " read\n";
  for (const auto& problem : report.problems) text += "  " + escape_control(problem) + "\n";
  for (const auto& note : verification.notes) text += "  " + escape_control(note) + "\n";
  return text;
}

int run_verify(const std::string& reference, Context& context) {
  auto place = open_loosely(context);
  if (!place) return context.fail(place.error());
  std::optional<std::vector<registry::GitTag>> tags;
  if (place->git) {
    auto all = release::all_tags(*place->git);
    if (!all) return context.fail(all.error());
    tags = std::move(*all);
  }
  auto found = release::find_reference(place->project, *place->store, place->git.get(), reference);
  if (!found) return context.fail(found.error());
  auto verification = release::verify_version(*place->store, tags ? &*tags : nullptr, *found);
  if (!verification) return context.fail(verification.error());
  const auto& report = verification->report;
  const auto shown = to_string(found->model) + (found->version ? " " + to_string(*found->version) : "");
  const nlohmann::ordered_json data = {{"schemaVersion", 1},
                                       {"model", to_string(found->model)},
                                       {"digest", to_string(found->digest)},
                                       {"whole", report.problems.empty()},
                                       {"layers", report.layers},
                                       {"files", report.files},
                                       {"bytesRead", report.bytes},
                                       {"problems", report.problems},
                                       {"notes", verification->notes}};
  context.print(data, [&](const Style& style) { return to_text(*verification, shown, found->digest, style); });
  return report.problems.empty() ? 0 : 1;
}

}  // namespace

Command verify_command() {
  auto reference = std::make_shared<std::string>();
  return {.name = "verify",
          .group = Group::models,
          .summary = "Read every byte of a version and compare it with its digests and its tag",
          .description =
              "Both manifests, the link between them, layers, files and evidence; in a git repository also the digest\n"
              "that the version's tag records. Exit 1 when anything is not what it should be.",
          .examples = {{"one version", "mlctl verify credit-risk@v1.2.0"}},
          .arguments = {{.name = "REF",
                         .help = "MODEL@V, MODEL@sha256:… or MODEL#ENV",
                         .target = reference.get(),
                         .required = true}},
          .run = [reference](Context& context) { return run_verify(*reference, context); }};
}

}  // namespace mlctl::cli
