// mlctl undo: back to the assignment before, through the same machinery.
#include "release/undo.h"

#include "cli/ask.h"
#include "cli/cluster.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/fleet.h"
#include "deploy/cluster/apply.h"
#include "deploy/cluster/live.h"
#include "release/reference.h"
#include "release/way_back.h"

namespace mlctl::cli {
namespace {

struct UndoOptions {
  std::string model, environment;
  bool no_push = false, yes = false, render = false;
};

std::string describe(const release::UndoPlan& plan) {
  const auto from = to_string(plan.model) + " from " + to_string(plan.from.version);
  return plan.to ? from + " to " + to_string(plan.to->version) + " in " + plan.environment
                 : from + " to nothing in " + plan.environment + " (no older version was assigned)";
}

struct Stage {
  Workplace place;
  const deploy::Environment* environment = nullptr;
  const release::ModelEntry* entry = nullptr;
  registry::ModelName model;
  std::optional<deploy::Folder> folder;  // nullopt: the environment is a cluster
  bool render = false;
};

Result<Stage> open_stage(const UndoOptions& options, Context& context) {
  auto place = open_fleet_place(context);
  if (!place) return place.error();
  Stage stage{.place = std::move(*place)};
  if (!stage.place.git) return no_repository();
  auto environment = release::find_environment(stage.place.project, options.environment);
  if (!environment) return environment.error();
  stage.environment = *environment;
  auto model = release::find_model(stage.place.project, options.model);
  if (!model) return model.error();
  stage.entry = *model;
  stage.model = (*model)->name;
  stage.render = options.render;
  if (is_cluster(**environment)) return stage;
  auto where = gitops_of(**environment);
  if (!where) return where.error();
  auto folder = deploy::read_folder(*stage.place.git, *where);
  if (!folder) return folder.error();
  stage.folder = std::move(*folder);
  return stage;
}

Result<registry::ModelTags> tags_of(const Stage& stage) {
  auto tags = release::all_tags(*stage.place.git);
  if (!tags) return tags.error();
  return registry::ModelTags(stage.model, *tags);
}

Headline headline_of(const release::UndoPlan& plan) {
  return {describe(plan),
          {{"model", to_string(plan.model)},
           {"from", to_string(plan.from.version)},
           {"to", plan.to ? to_string(plan.to->version) : ""},
           {"denied", plan.denied ? to_string(*plan.denied) : ""}}};
}

Result<deploy::LiveAssignment> live_assignment(const Stage& stage, Context& context) {
  if (stage.folder) {
    auto n = deploy::live_assignment(*stage.folder, stage.model);
    if (!n) return n.error();
    return deploy::LiveAssignment{.n = *n};
  }
  auto there = connect(*stage.environment, context);
  if (!there) return there.error();
  return deploy::live_assignment(*there->cluster, *there->discovery, stage.model,
                                 release::namespace_of(stage.place.project, stage.model), stage.environment->name);
}

release::WayBack way_of(const Stage& stage, const release::UndoPlan& plan) {
  return {stage.environment, plan.model, plan.to, plan.n, stage.render};
}

Result<ClusterView> view_back(Stage& stage, const release::WayBack& way, Headline& headline, Context& context) {
  auto there = connect(*stage.environment, context);
  if (!there) return there.error();
  auto back = release::fleet_back(stage.place.project, stage.place.git.get(), *stage.place.store, way, *there);
  if (!back) return back.error();
  if (way.to && !headline.fields.empty()) headline.fields.emplace_back("way", back->kept ? "kept" : "rendered");
  return view_cluster(std::move(back->fleet), false, context);
}

// What the folder should hold after the way back, without taking N.
Result<release::Fleet> folder_after(Stage& stage, const release::UndoPlan& plan) {
  if (plan.to)
    return release::find_fleet(stage.place.project, stage.place.git.get(), *stage.place.store,
                               {plan.environment,
                                {to_string(plan.model) + "@" + to_string(plan.to->version)},
                                {},
                                static_cast<std::int64_t>(plan.n)});
  release::Fleet fleet;
  fleet.environment = stage.environment;
  fleet.desired = {plan.environment, {{plan.model, plan.n}}, {}};
  return fleet;
}

int preview(Stage& stage, const release::UndoPlan& plan, Headline& headline, Context& context) {
  if (!stage.folder) {
    auto view = view_back(stage, way_of(stage, plan), headline, context);
    return view ? apply_to_cluster(stage.place, *view, {}, context, headline) : context.fail(view.error());
  }
  auto fleet = folder_after(stage, plan);
  if (!fleet) return context.fail(fleet.error());
  FolderView view{.folder = *stage.folder};
  view.fleet = std::move(*fleet);
  auto planned = deploy::plan_folder(view.folder, view.fleet.desired);
  if (!planned) return context.fail(planned.error());
  view.plan = std::move(*planned);
  return apply_view(stage.place, view, false, context, headline);
}

// Asked before the tag, which cannot be taken back.
Status can_follow(Stage& stage, const release::UndoPlan& plan, bool push, Context& context) {
  if (stage.folder) return deploy::check_branch(*stage.place.git, stage.folder->where, push);
  Headline unsaid;
  auto view = view_back(stage, way_of(stage, plan), unsaid, context);
  if (!view) return view.error();
  for (const auto& owner : view->plan.owners)
    if (owner.refused) return *owner.refused;
  return deploy::may_apply(view->plan, plan.environment, false);
}

// By what git says now: the way back is taken there.
Result<ClusterView> view_taken(Stage& stage, Headline& headline, Context& context) {
  auto tags = tags_of(stage);
  if (!tags) return tags.error();
  const auto& environment = stage.environment->name;
  auto newest = tags->assignment(environment);
  if (!newest) return newest.error();
  const auto n = release::newest_number(*tags, environment);
  return view_back(stage, {stage.environment, stage.model, std::move(*newest), n, stage.render}, headline, context);
}

// The tag is the decision; from here on `apply` alone can finish what is left.
int finish(Stage& stage, Headline headline, bool push, Context& context) {
  int code = 0;
  if (stage.folder) {
    auto view = view_folder(stage.place, {stage.environment->name, {to_string(stage.model)}, {}});
    if (view) view->goes_back = true;
    code = view ? apply_view(stage.place, *view, push, context, headline) : context.fail(view.error());
  } else {
    auto view = view_taken(stage, headline, context);
    code = view ? apply_to_cluster(stage.place, *view, {}, context, headline) : context.fail(view.error());
  }
  if (code != 0)
    context.note("the way back is taken in git, and not in the " + std::string(stage.folder ? "folder" : "cluster") +
                 " yet: `mlctl apply " + to_string(stage.model) + " --env " + stage.environment->name +
                 "` finishes it");
  return code;
}

int run_undo(const UndoOptions& options, Context& context) {
  auto stage = open_stage(options, context);
  if (!stage) return context.fail(stage.error());
  auto tags = tags_of(*stage);
  if (!tags) return context.fail(tags.error());
  auto live = live_assignment(*stage, context);
  if (!live) return context.fail(live.error());
  const auto& environment = stage->environment->name;
  if (release::is_unfinished(*tags, environment, *live)) {
    context.note("an undo that was begun before is finished; no other is begun");
    return finish(*stage, {}, !options.no_push, context);
  }
  auto plan = release::plan_undo(
      *tags, environment,
      release::digest_finder(stage->place.project, *stage->place.git, *stage->place.store, *stage->entry),
      live->aborted);
  if (!plan) return context.fail(plan.error());
  auto headline = headline_of(*plan);
  if (context.dry_run) return preview(*stage, *plan, headline, context);
  if (stage->environment->confirm)
    if (auto confirmed = confirm("Undo " + headline.title + "?", options.yes, context); !confirmed)
      return context.fail(confirmed.error());
  if (auto follows = can_follow(*stage, *plan, !options.no_push, context); !follows)
    return context.fail(follows.error());
  auto taken = release::take_back(*stage->place.git, *plan, !options.no_push);
  if (!taken) return context.fail(taken.error());
  headline.fields.emplace_back("tag", taken->tag);
  return finish(*stage, headline, !options.no_push, context);
}

}  // namespace

Command undo_command() {
  auto options = std::make_shared<UndoOptions>();
  return {
      .name = "undo",
      .group = Group::cluster,
      .summary = "Go back to the version that an environment ran before",
      .description =
          "Assigns the newest older version that was not undone itself, under the next N, denies the one that is\n"
          "left until `mlctl assign --allow-denied`, and applies the folder or the cluster: at once, also where new\n"
          "versions take traffic step by step. A cluster keeps the last versions as they were applied, and gets\n"
          "just these objects again. Unassigns when nothing is older.",
      .examples = {{"back to what ran before", "mlctl undo credit-risk --env prod"}},
      .arguments = {{.name = "MODEL",
                     .help = "a name, its unique last part, or a folder with a model.yaml",
                     .target = &options->model,
                     .required = true,
                     .path = true}},
      .options = {{.name = "env",
                   .value = "ENV",
                   .help = "an environment of mlctl.yaml",
                   .target = &options->environment,
                   .required = true},
                  {.name = "render",
                   .help = "by today's mlctl.yaml, and not as the cluster keeps it: a new route host, another registry",
                   .target = &options->render},
                  no_push_option(options->no_push),
                  yes_option(options->yes)},
      .changes = true,
      .aliases = {"rollback"},
      .run = [options](Context& context) { return run_undo(*options, context); }};
}

}  // namespace mlctl::cli
