#include "cli/rollout_verbs.h"

#include <nlohmann/json.hpp>

#include "cli/context.h"
#include "cli/environment.h"
#include "cli/fleet.h"
#include "deploy/rollout/display.h"

namespace mlctl::cli {
namespace {

std::vector<Option> model_argument(RolloutWords& options) {
  return {{.name = "MODEL",
           .help = "a name, its unique last part, or a folder with a model.yaml",
           .target = &options.model,
           .required = true,
           .path = true}};
}

Option environment_option(RolloutWords& options) {
  return {.name = "env",
          .value = "ENV",
          .help = "an environment of mlctl.yaml with a cluster",
          .target = &options.environment,
          .required = true};
}

}  // namespace

Result<RolloutStage> open_rollout(const RolloutWords& options, Context& context) {
  auto place = open_fleet_place(context);
  if (!place) return place.error();
  RolloutStage stage{.place = std::move(*place)};
  auto environment = release::find_environment(stage.place.project, options.environment);
  if (!environment) return environment.error();
  auto model = release::find_model(stage.place.project, options.model);
  if (!model) return model.error();
  auto link = link_to(**environment, context);
  if (!link) return link.error();
  stage.environment = *environment;
  stage.where = {(*model)->name, release::namespace_of(stage.place.project, (*model)->name), (*environment)->name};
  stage.link = std::move(*link);
  return stage;
}

int show_rollout(const deploy::ModelState& state, WallTime now, Context& context) {
  context.print(deploy::rollout_json(state, now),
                [&](const Style& style) { return deploy::to_text(state, now, style); });
  return deploy::rollout_code(*state.rollout, now);
}

Result<deploy::RolloutLive> look_at(RolloutStage& stage, Context& context) {
  auto live = deploy::look(stage.link.seams(*stage.environment, context), stage.where);
  if (!live || live->state.rollout) return live;
  const auto name = to_string(stage.where.model);
  return Error{Error::Kind::not_found, "no rollout of " + name + " has begun in " + stage.where.environment,
               "`mlctl rollout start " + name + " --env " + stage.where.environment + "`"};
}

Option rollout_no_wait(RolloutWords& options) {
  return {.name = "no-wait", .help = "only say it; somebody else drives", .target = &options.no_wait};
}

Command rollout_verb(const std::shared_ptr<RolloutWords>& options, const char* name, const char* summary,
                     const char* description, std::vector<Option> more, bool changes,
                     std::function<int(Context&)> run) {
  std::vector<Option> all{environment_option(*options)};
  for (auto& one : more) all.push_back(std::move(one));
  return {.name = name,
          .group = Group::cluster,
          .summary = summary,
          .description = description,
          .examples = {{summary, std::string("mlctl rollout ") + name + " credit-risk --env prod"}},
          .arguments = model_argument(*options),
          .options = std::move(all),
          .changes = changes,
          .run = std::move(run)};
}

}  // namespace mlctl::cli
