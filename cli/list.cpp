// mlctl list: models, or the versions of one.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/words.h"
#include "cli/workplace.h"
#include "registry/query.h"
#include "release/reference.h"
#include "release/select.h"
#include "release/version_view.h"

namespace mlctl::cli {
namespace {

using Json = nlohmann::ordered_json;

struct ListOptions {
  std::string model;
  std::vector<std::string> labels;
};

int list_one(const std::string& text, const Workplace& place, const std::vector<registry::GitTag>* tags,
             Context& context) {
  auto model = release::name_in(place.project, *place.store, text);
  if (!model) return context.fail(model.error());
  auto lines = release::view_versions(*place.store, tags, *model);
  if (!lines) return context.fail(lines.error());
  Json versions = Json::array();
  for (const auto& line : *lines) {
    Json stages = Json::array();
    for (const auto& stage : line.stages) stages.push_back({{"stage", stage.stage}, {"n", stage.n}});
    versions.push_back({{"version", to_string(line.info.version)},
                        {"digest", to_string(line.info.digest)},
                        {"image", image_json(line.info.image)},
                        {"files", line.info.files},
                        {"bytes", line.info.bytes},
                        {"created", line.info.created},
                        {"stages", stages}});
    if (line.deregistered) versions.back()["deregistered"] = true;
  }
  const bool deprecated = tags != nullptr && registry::ModelTags(*model, *tags).deprecated();
  Json data{{"schemaVersion", 1}, {"model", to_string(*model)}, {"versions", versions}};
  if (deprecated) data["deprecated"] = true;
  context.print(data, [&](const Style& style) {
    Rows rows;
    for (const auto& line : *lines) {
      std::string stages;
      for (const auto& stage : line.stages) stages += (stages.empty() ? "" : ", ") + stage.stage;
      if (line.deregistered) stages += (stages.empty() ? "" : ", ") + paint("deregistered", Tone::warn, style);
      rows.push_back({to_string(line.info.version), human_bytes(line.info.bytes), digest_text(line.info.digest, style),
                      when_text(line.info.created, context.clock.wall(), style), stages});
    }
    return render_table({"version", "size", "digest", "created", "assigned to"}, rows, style);
  });
  for (const auto& line : *lines)
    if (tags != nullptr)
      if (auto agreed = release::check_tagged({*model, *tags}, line.info.version, line.info.digest); !agreed)
        context.note(agreed.error().message);
  if (deprecated) context.note(to_string(*model) + " is deprecated: no version of it is assigned or released");
  if (lines->empty()) context.note(to_string(*model) + " has no version yet: `mlctl push " + to_string(*model) + "`");
  return 0;
}

// Those of the project and those that only the registry knows; with labels, only the project can tell. `missing`: why
// not all are there.
Result<std::vector<registry::ModelName>> chosen_models(const ListOptions& options, const Workplace& place,
                                                       std::string& missing) {
  auto models = release::select_models(place.project, {}, options.labels);
  if (!models || !options.labels.empty()) return models;
  auto stored = registry::list_models(*place.store);
  if (!stored && !place.project.remote.empty() && !models->empty()) {
    missing = "only models of the project are listed: " + stored.error().message;
    return models;
  }
  if (!stored) return stored.error();
  models->insert(models->end(), stored->begin(), stored->end());
  std::sort(models->begin(), models->end());
  models->erase(std::unique(models->begin(), models->end()), models->end());
  return models;
}

int list_all(const ListOptions& options, const Workplace& place, const std::vector<registry::GitTag>* tags,
             Context& context) {
  std::string missing;
  auto chosen = chosen_models(options, place, missing);
  if (!chosen) return context.fail(chosen.error());
  auto lines = release::view_models(*place.store, tags, *chosen);
  if (!lines) return context.fail(lines.error());
  if (!missing.empty()) context.note(missing);
  Json models = Json::array();
  for (const auto& line : *lines) {
    Json stages = Json::object();
    for (const auto& [stage, version] : line.stages) stages[stage.stage] = to_string(version);
    models.push_back({{"model", to_string(line.model)},
                      {"versions", line.versions},
                      {"newest", line.newest ? Json(to_string(line.newest->version)) : Json()},
                      {"created", line.newest ? Json(line.newest->created) : Json()},
                      {"stages", stages}});
    if (line.deprecated) models.back()["deprecated"] = true;
  }
  context.print({{"schemaVersion", 1}, {"models", models}}, [&](const Style& style) {
    Rows rows;
    for (const auto& line : *lines) {
      std::string stages;
      for (const auto& [stage, version] : line.stages)
        stages += (stages.empty() ? "" : ", ") + stage.stage + " " + to_string(version);
      if (line.deprecated) stages += (stages.empty() ? "" : ", ") + paint("deprecated", Tone::warn, style);
      rows.push_back({to_string(line.model), line.newest ? to_string(line.newest->version) : "-",
                      count_text(line.versions, "version"),
                      line.newest ? when_text(line.newest->created, context.clock.wall(), style) : "-", stages});
    }
    return render_table({"model", "newest", "versions", "created", "assigned to"}, rows, style);
  });
  if (lines->empty()) context.note("no models: `mlctl init` writes a model.yaml, `mlctl push FOLDER` makes a version");
  return 0;
}

int run_list(const ListOptions& options, Context& context) {
  if (!options.model.empty() && !options.labels.empty())
    return context.fail(
        {Error::Kind::usage, "--label chooses models; MODEL is given already", "leave one of them out"});
  auto place = open_loosely(context, options.model);
  if (!place) return context.fail(place.error());
  const auto tags = tags_if_any(context, *place);
  const auto* known = tags ? &*tags : nullptr;
  return options.model.empty() ? list_all(options, *place, known, context)
                               : list_one(options.model, *place, known, context);
}

}  // namespace

Command list_command() {
  auto options = std::make_shared<ListOptions>();
  return {.name = "list",
          .group = Group::models,
          .summary = "List the models, or the versions of one, newest first",
          .examples = {{"all models, and what runs where", "mlctl list"},
                       {"the versions of one", "mlctl list credit-risk"},
                       {"for a script", "mlctl list credit-risk -o json"}},
          .arguments = {{.name = "MODEL",
                         .help = "a name, its unique last part, or a folder with a model.yaml",
                         .target = &options->model,
                         .path = true}},
          .options = {{.name = "label",
                       .letter = 'l',
                       .value = "LABEL=VALUE",
                       .help = "only models with this label (may be repeated)",
                       .target = &options->labels}},
          .run = [options](Context& context) { return run_list(*options, context); }};
}

}  // namespace mlctl::cli
