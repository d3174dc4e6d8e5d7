// mlctl show: one version, its files, and what is known about it.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/words.h"
#include "cli/workplace.h"
#include "release/reference.h"
#include "release/signature_text.h"
#include "release/trust.h"
#include "release/version_view.h"

namespace mlctl::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t files_shown = 20;
constexpr std::size_t values_shown = 20;

struct ShowOptions {
  std::string reference;
  bool all = false;
};

Json to_json(const release::Withdrawn& withdrawn) {
  return {{"by", withdrawn.by}, {"when", rfc3339(withdrawn.when)}, {"tag", withdrawn.tag}};
}

Json parsed(const std::string& said) {
  return said.empty() ? Json() : Json::parse(said, nullptr, false);
}

Json to_json(const release::VersionView& view, bool asked) {
  Json signatures = Json::array();
  for (const auto& one : view.signatures)
    signatures.push_back({{"kind", one.kind},
                          {"signature", release::to_json(one.state, asked)},
                          {"created", one.created},
                          {"digest", to_string(one.digest)}});
  Json versions = Json::array(), files = Json::array(), evidence = Json::array(), stages = Json::array(),
       modelcars = Json::array();
  for (const auto& info : view.versions) {
    versions.push_back({{"version", to_string(info.version)}, {"created", info.created}});
    if (const auto end = view.deregistered.find(info.version); end != view.deregistered.end())
      versions.back()["deregistered"] = to_json(end->second);
  }
  for (const auto& file : view.description.files) {
    Json one = {{"path", file.path}, {"role", registry::to_string(file.role)}};
    if (file.link.empty())
      one.update({{"bytes", file.size}, {"digest", to_string(file.digest)}, {"executable", file.executable}});
    else
      one["link"] = file.link;
    files.push_back(one);
  }
  for (const auto& line : view.evidence)
    evidence.push_back({{"kind", line.kind},
                        {"result", line.result},
                        {"environment", line.environment},
                        {"created", line.created},
                        {"digest", to_string(line.digest)},
                        {"predicateType", line.predicate},
                        {"signature", release::to_json(line.signature, asked)}});
  for (const auto& car : view.modelcars)
    modelcars.push_back({{"digest", to_string(car.digest)}, {"base", to_string(car.base)}});
  for (const auto& line : view.stages) stages.push_back({{"stage", line.stage}, {"n", line.n}});
  Json data = {{"schemaVersion", 1},
               {"model", to_string(view.model)},
               {"digest", to_string(view.description.digest)},
               {"image", image_json(view.description.image)},
               {"modelcars", modelcars},
               {"bytes", view.description.bytes},
               {"versions", versions},
               {"files", files},
               {"metadata", parsed(view.said.metadata)},
               {"metrics", parsed(view.said.metrics)},
               {"evidence", evidence},
               {"signatures", signatures},
               {"stages", stages}};
  if (view.deprecated) data["deprecated"] = to_json(*view.deprecated);
  return data;
}

std::string withdrawn_text(const char* what, const release::Withdrawn& withdrawn, const Style& style, WallTime now) {
  return paint(what, Tone::warn, style) + " by " + escape_control(withdrawn.by) + ", " +
         when_text(withdrawn.when, now, style);
}

constexpr std::size_t widest_digest_row = 2 + 8 + 2 + 71;  // "  assigned  sha256:…"

std::string head(const release::VersionView& view, const std::string& shown, const Style& style, WallTime now) {
  std::string text = paint(shown, Tone::strong, style) + "\n";
  Rows rows = {{"  digest", to_string(view.description.digest)}, {"  image", image_text(view.description.image)}};
  for (const auto& car : view.modelcars)
    rows.push_back({"  modelcar", to_string(car.digest) + " on " + car.base.brief()});
  rows.push_back({"  size", size_text(view.description.files.size(), view.description.bytes)});
  if (style.terminal && style.width < widest_digest_row) {
    // One blank instead of two, and most digests end where 80 columns end; others get a line of their own.
    const std::size_t column = std::string("  digest ").size();
    for (const auto& row : rows)
      text += row[0] + (row[0].size() < column ? std::string(column - row[0].size(), ' ') : "\n    ") + row[1] + "\n";
    rows.clear();
  }
  for (const auto& info : view.versions) {
    rows.push_back({"  " + to_string(info.version), "created " + when_text(info.created, now, style)});
    if (const auto end = view.deregistered.find(info.version); end != view.deregistered.end())
      rows.back()[1] += ", " + withdrawn_text("deregistered", end->second, style, now);
  }
  for (const auto& line : view.stages) rows.push_back({"  assigned", line.stage + " #" + std::to_string(line.n)});
  if (view.deprecated) rows.push_back({"  model", withdrawn_text("deprecated", *view.deprecated, style, now)});
  Style plain = style;
  plain.terminal = false;  // digests are never cut
  return text + render_table({}, rows, plain);
}

// All of them, or where there are many the largest, in the order of paths.
std::vector<registry::PackedFile> shown_files(std::vector<registry::PackedFile> files, bool all) {
  if (all || files.size() <= files_shown) return files;
  const auto by_path = [](const auto& a, const auto& b) { return a.path < b.path; };
  std::stable_sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.size > b.size; });
  files.resize(files_shown);
  std::sort(files.begin(), files.end(), by_path);
  return files;
}

std::string files_text(const registry::ModelDescription& description, bool all, const Style& style) {
  Rows files;
  std::uint64_t bytes = 0;
  const auto shown = shown_files(description.files, all);
  for (const auto& file : shown) {
    bytes += file.size;
    const bool link = !file.link.empty();
    files.push_back({"  " + escape_control(file.path), registry::to_string(file.role),
                     link ? "link" : human_bytes(file.size),
                     link ? "-> " + escape_control(file.link) : digest_text(file.digest, style)});
  }
  auto text = "\n" + paint("Files", Tone::strong, style) + "\n" + render_table({}, files, style);
  if (const auto more = description.files.size() - shown.size(); more > 0)
    text += paint("  and " + std::to_string(more) + " smaller ones, " + human_bytes(description.bytes - bytes) +
                      " together: --all names them",
                  Tone::dim, style) +
            "\n";
  return text;
}

// Of many the first, by name.
std::string said_text(const char* title, const release::Values& values, bool all, const Style& style) {
  if (values.empty()) return "";
  Rows rows;
  for (const auto& [name, value] : values) {
    if (!all && rows.size() == values_shown) break;
    rows.push_back({"  " + escape_control(name), escape_control(value)});
  }
  auto text = "\n" + paint(title, Tone::strong, style) + "\n" + render_table({}, rows, style);
  if (rows.size() < values.size())
    text +=
        paint("  and " + std::to_string(values.size() - rows.size()) + " more: --all shows them", Tone::dim, style) +
        "\n";
  return text;
}

std::string attached_text(const release::VersionView& view, const Style& style, WallTime now, bool asked) {
  Rows evidence, signatures;
  for (const auto& line : view.evidence)
    evidence.push_back({"  " + escape_control(line.kind), escape_control(line.environment), escape_control(line.result),
                        when_text(line.created, now, style),
                        escape_control(release::signature_text(line.signature, asked))});
  for (const auto& one : view.signatures)
    signatures.push_back({"  " + escape_control(one.kind), when_text(one.created, now, style),
                          escape_control(release::signature_text(one.state, asked))});
  std::string text;
  if (!evidence.empty())
    text += "\n" + paint("Evidence", Tone::strong, style) + "\n" + render_table({}, evidence, style);
  if (!signatures.empty())
    text += "\n" + paint("Signatures", Tone::strong, style) + "\n" + render_table({}, signatures, style);
  return text;
}

int run_show(const ShowOptions& options, Context& context) {
  auto place = open_loosely(context);
  if (!place) return context.fail(place.error());
  auto found = release::find_reference(place->project, *place->store, place->git.get(), options.reference);
  if (!found) return context.fail(found.error());
  const auto tags = tags_if_any(context, *place);
  if (tags && found->version)
    if (auto agreed = release::check_tagged({found->model, *tags}, *found->version, found->digest); !agreed)
      context.note(agreed.error().message);
  const auto trust = release::trust_of(place->project, release::environment_in(place->project, options.reference));
  if (!trust) return context.fail(trust.error());
  auto view = release::view_version(*place->store, tags ? &*tags : nullptr, found->model, found->digest,
                                    trust->value_or(registry::Trust{}), context.clock.wall());
  if (!view) return context.fail(view.error());
  const auto shown = to_string(found->model) + (found->version ? " " + to_string(*found->version) : "");
  const bool asked = trust->has_value();
  context.print(to_json(*view, asked), [&](const Style& style) {
    const auto now = context.clock.wall();
    return head(*view, shown, style, now) + files_text(view->description, options.all, style) +
           said_text("Metadata", release::flattened(view->said.metadata), options.all, style) +
           said_text("Metrics", release::flattened(view->said.metrics), options.all, style) +
           attached_text(*view, style, now, asked);
  });
  return 0;
}

}  // namespace

Command show_command() {
  auto options = std::make_shared<ShowOptions>();
  return {.name = "show",
          .group = Group::models,
          .summary = "Show one version: digest, files, evidence, signatures, where it is assigned",
          .examples = {{"one version", "mlctl show credit-risk@v1.2.0"},
                       {"what prod should run", "mlctl show 'credit-risk#prod'"}},
          .arguments = {{.name = "REF",
                         .help = "MODEL@V, MODEL@sha256:… or MODEL#ENV",
                         .target = &options->reference,
                         .required = true}},
          .options = {{.name = "all",
                       .help = "every file and every value, however many there are",
                       .target = &options->all}},
          .run = [options](Context& context) { return run_show(*options, context); }};
}

}  // namespace mlctl::cli
