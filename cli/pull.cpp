// mlctl pull: registry -> folder.
#include "registry/pull.h"

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/words.h"
#include "cli/workplace.h"
#include "registry/query.h"
#include "release/reference.h"

namespace mlctl::cli {
namespace {

struct PullOptions {
  std::string reference, folder;
  bool force = false;
};

std::string state_of(const release::Found& found) {
  return found.version ? to_string(*found.version) : found.digest.brief();
}

Result<registry::PullReport> pull_files(const Workplace& place, const release::Found& found, const std::string& folder,
                                        bool force, Context& context) {
  const auto existing = force ? registry::Existing::replace : registry::Existing::keep;
  if (!context.dry_run)
    return registry::pull(*place.store, found.model, found.digest, folder, context.progress(), real_disk(), existing);
  auto description = registry::describe(*place.store, found.model, found.digest);
  if (!description) return description.error();
  return registry::PullReport{.files = description->files.size(), .bytes = description->bytes};
}

int run_pull(const PullOptions& options, Context& context) {
  auto place = open_loosely(context);
  if (!place) return context.fail(place.error());
  auto found = release::find_agreed(place->project, *place->store, place->git.get(), options.reference);
  if (!found) return context.fail(found.error());
  const auto folder = options.folder.empty() ? found->model.name + "-" + state_of(*found) : options.folder;
  auto report = pull_files(*place, *found, folder, options.force, context);
  if (!report) return context.fail(report.error());
  const nlohmann::ordered_json data = {{"schemaVersion", 1},
                                       {"model", to_string(found->model)},
                                       {"digest", to_string(found->digest)},
                                       {"folder", folder},
                                       {"files", report->files},
                                       {"kept", report->kept},
                                       {"bytesWritten", report->bytes},
                                       {"dryRun", context.dry_run}};
  context.print(data, [&](const Style&) {
    std::string line = to_string(found->model) + " " + state_of(*found) + "  " + to_string(found->digest) + "  " +
                       count_text(report->files, "file") + ", " + human_bytes(report->bytes) +
                       (context.dry_run ? "" : " written");
    if (report->kept > 0) line += ", " + std::to_string(report->kept) + " there already";
    return line + "  " + escape_control(folder) + "\n";
  });
  if (context.dry_run) context.note("dry run: nothing was written");
  return 0;
}

}  // namespace

Command pull_command() {
  auto options = std::make_shared<PullOptions>();
  return {.name = "pull",
          .group = Group::models,
          .summary = "Copy a version's files out of the registry, verified",
          .description =
              "Every file is checked against its digest before it gets its name. A pull that was cut off goes on\n"
              "where it stopped. What is in the folder and is another file stays as it is, without --force.",
          .examples = {{"into credit-risk-v1.2.0/", "mlctl pull credit-risk@v1.2.0"},
                       {"what prod runs, into a folder of your choice", "mlctl pull 'credit-risk#prod' --dir served"}},
          .arguments = {{.name = "REF",
                         .help = "MODEL@V, MODEL@sha256:… or MODEL#ENV",
                         .target = &options->reference,
                         .required = true}},
          .options = {{.name = "dir",
                       .value = "DIR",
                       .help = "where to; NAME-VERSION here when it is not given",
                       .target = &options->folder,
                       .path = true},
                      {.name = "force",
                       .help = "replace files that are there and are not the version's",
                       .target = &options->force}},
          .changes = true,
          .run = [options](Context& context) { return run_pull(*options, context); }};
}

}  // namespace mlctl::cli
