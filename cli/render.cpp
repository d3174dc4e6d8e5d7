// mlctl render: the objects of an environment, to stdout or as files.
#include "deploy/render.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/filesystem.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/fleet.h"

namespace mlctl::cli {
namespace {

using Json = nlohmann::ordered_json;

struct RenderOptions {
  release::FleetRequest request;
  std::optional<std::string> folder;
};

Result<Json> as_json(const release::Fleet& fleet) {
  Json files = Json::array();
  for (const auto& file : fleet.desired.files) {
    auto objects = deploy::parse_file(file.text, file.path);
    if (!objects) return objects.error();
    files.push_back({{"path", file.path}, {"objects", *objects}});
  }
  return Json{{"schemaVersion", 1}, {"environment", fleet.desired.environment}, {"files", files}};
}

// Files that are right already keep their times. How many were written.
Result<std::size_t> write_files(const release::Fleet& fleet, const std::filesystem::path& folder, bool dry_run) {
  std::size_t written = 0;
  for (const auto& file : fleet.desired.files) {
    const auto path = folder / file.path;
    const auto there = read_file(path, deploy::file_limit);
    if (there && *there == file.text) continue;
    ++written;
    if (dry_run) continue;
    if (auto done = write_file(path, file.text); !done) return done.error();
  }
  return written;
}

int show_written(const release::Fleet& fleet, std::size_t written, const std::string& folder, Context& context) {
  Json files = Json::array();
  for (const auto& file : fleet.desired.files) files.push_back(file.path);
  const Json data = {{"schemaVersion", 1}, {"environment", fleet.desired.environment},
                     {"dir", folder},      {"files", files},
                     {"written", written}, {"dryRun", context.dry_run}};
  context.print(data, [&](const Style&) {
    return std::to_string(written) + " of " + std::to_string(files.size()) + " files " +
           (context.dry_run ? "would be written" : "written") + " in " + escape_control(folder) + "\n";
  });
  return tell_unrendered(fleet, context);
}

int run_render(const RenderOptions& options, Context& context) {
  auto place = open_fleet_place(context);
  if (!place) return context.fail(place.error());
  auto fleet = release::find_fleet(place->project, place->git.get(), *place->store, options.request);
  if (!fleet) return context.fail(fleet.error());
  for (const auto& note : fleet->notes) context.note(note);
  if (options.folder) {
    auto written = write_files(*fleet, *options.folder, context.dry_run);
    if (!written) return context.fail(written.error());
    return show_written(*fleet, *written, *options.folder, context);
  }
  Json data;
  if (context.format != OutputFormat::text) {
    auto json = as_json(*fleet);
    if (!json) return context.fail(json.error());
    data = std::move(*json);
  }
  context.print(data, [&](const Style&) {
    std::string out;
    for (const auto& file : fleet->desired.files) out += (out.empty() ? "" : "---\n") + file.text;
    return out;
  });
  return tell_unrendered(*fleet, context);
}

}  // namespace

Command render_command() {
  auto options = std::make_shared<RenderOptions>();
  auto list = fleet_options(options->request);
  list.push_back({.name = "dir",
                  .value = "DIR",
                  .help = "write NAMESPACE/MODEL.yaml there instead of to stdout",
                  .target = &options->folder,
                  .path = true});
  return {.name = "render",
          .group = Group::cluster,
          .summary = "Write the Kubernetes objects of an environment",
          .description =
              "Of each model's newest assignment, by the model.yaml of its version's commit; the same bytes for the\n"
              "same input. MODEL@V shows a version that is not assigned, and needs no git.",
          .examples = {{"everything that staging should run, into a folder", "mlctl render --env staging --dir out"},
                       {"one version, to the cluster of your choice",
                        "mlctl render credit-risk@v1.2.0 --env staging | kubectl apply -f -"}},
          .arguments = fleet_arguments(options->request),
          .options = list,
          .changes = true,
          .run = [options](Context& context) { return run_render(*options, context); }};
}

}  // namespace mlctl::cli
