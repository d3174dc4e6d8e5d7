// mlctl apply: the change set that diff shows, as one commit.
#include "cli/ask.h"
#include "cli/cluster.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/fleet.h"

namespace mlctl::cli {
namespace {

struct ApplyOptions {
  release::FleetRequest request;
  bool no_push = false, yes = false, force_conflicts = false, wait = false;
};

Status confirmed(const deploy::Environment& environment, std::size_t changes, const ApplyOptions& options,
                 Context& context) {
  if (!environment.confirm || context.dry_run || changes == 0) return ok();
  return confirm("Apply " + count_text(changes, "change") + " to " + environment.name + "?", options.yes, context);
}

int run_on_folder(Workplace& place, const ApplyOptions& options, Context& context) {
  auto view = view_folder(place, options.request);
  if (!view) return context.fail(view.error());
  if (auto yes = confirmed(*view->fleet.environment, view->plan.changes.changes.size(), options, context); !yes)
    return context.fail(yes.error());
  return apply_view(place, *view, !options.no_push, context);
}

int run_on_cluster(Workplace& place, const ApplyOptions& options, Context& context) {
  auto view = view_cluster(place, options.request, options.force_conflicts, context);
  if (!view) return context.fail(view.error());
  const auto changes = deploy::change_set(view->plan).changes.size();
  if (auto yes = confirmed(*view->fleet.environment, changes, options, context); !yes) return context.fail(yes.error());
  return apply_to_cluster(place, *view, {.force_conflicts = options.force_conflicts, .wait = options.wait}, context);
}

int run_apply(const ApplyOptions& options, Context& context) {
  auto place = open_fleet_place(context);
  if (!place) return context.fail(place.error());
  auto environment = release::find_environment(place->project, options.request.environment);
  if (!environment) return context.fail(environment.error());
  return is_cluster(**environment) ? run_on_cluster(*place, options, context) : run_on_folder(*place, options, context);
}

}  // namespace

Command apply_command() {
  auto options = std::make_shared<ApplyOptions>();
  auto list = fleet_options(options->request);
  list.push_back(no_push_option(options->no_push));
  list.push_back(yes_option(options->yes));
  list.push_back({.name = "wait",
                  .help = "in a cluster, until the pods of every changed model are ready and rollouts are over",
                  .target = &options->wait});
  list.push_back(force_conflicts_option(options->force_conflicts));
  return {
      .name = "apply",
      .group = Group::cluster,
      .summary = "Apply to an environment exactly what diff shows",
      .description =
          "In a GitOps folder: one commit on its branch, pushed where there is an origin; your worktree and index\n"
          "stay as they are. In a cluster: server-side apply as field manager mlctl; with strategy replace a new\n"
          "revision is made beside the old one, takes the traffic when it is ready, and only then the old one goes.\n"
          "A second apply changes nothing. An older assignment never replaces a newer one (exit 1). Where it begins\n"
          "rollouts, --wait drives them to their ends, side by side: exit 1 when one is aborted, 5 when one pauses.",
      .examples = {{"everything that is assigned to staging", "mlctl apply --env staging"},
                   {"the models of one team", "mlctl apply -l team=risk --env staging"}},
      .arguments = fleet_arguments(options->request),
      .options = list,
      .changes = true,
      .run = [options](Context& context) { return run_apply(*options, context); }};
}

}  // namespace mlctl::cli
