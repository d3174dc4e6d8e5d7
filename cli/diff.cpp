// mlctl diff: what apply would change.
#include <nlohmann/json.hpp>

#include "cli/cluster.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/fleet.h"

namespace mlctl::cli {
namespace {

struct DiffOptions {
  release::FleetRequest request;
  bool force_conflicts = false;
};

int run_diff(const DiffOptions& options, Context& context) {
  const auto& request = options.request;
  auto place = open_fleet_place(context);
  if (!place) return context.fail(place.error());
  auto environment = release::find_environment(place->project, request.environment);
  if (!environment) return context.fail(environment.error());
  if (is_cluster(**environment)) {
    auto view = view_cluster(*place, request, options.force_conflicts, context);
    return view ? show_cluster(*view, context) : context.fail(view.error());
  }
  auto view = view_folder(*place, request);
  if (!view) return context.fail(view.error());
  auto data = deploy::to_json(view->plan.changes);
  data["environment"] = request.environment;
  context.print(data, [&](const Style& style) { return deploy::to_text(view->plan.changes, style); });
  for (const auto& note : view->fleet.notes) context.note(note);
  if (const int left = tell_unrendered(view->fleet, context); left != 0) return left;
  return view->plan.changes.empty() ? 0 : 1;
}

}  // namespace

Command diff_command() {
  auto options = std::make_shared<DiffOptions>();
  auto list = fleet_options(options->request);
  list.push_back(force_conflicts_option(options->force_conflicts));
  return {
      .name = "diff",
      .group = Group::cluster,
      .summary = "Show what apply would change in an environment, field by field",
      .description =
          "Exit 0 when there is nothing to change, 1 when there is. Of a GitOps folder, origin's branch is fetched\n"
          "and compared with; of a cluster, what its server would make of each object (dry run).",
      .examples = {{"what waits for staging", "mlctl diff --env staging"},
                   {"what a version would change", "mlctl diff credit-risk@v1.2.0 --env staging"}},
      .arguments = fleet_arguments(options->request),
      .options = list,
      .run = [options](Context& context) { return run_diff(*options, context); }};
}

}  // namespace mlctl::cli
