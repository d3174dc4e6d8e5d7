// mlctl diff: what apply would change.
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/fleet.h"

namespace mlctl::cli {
namespace {

int run_diff(const release::FleetRequest& request, Context& context) {
  auto place = open_fleet_place(context);
  if (!place) return context.fail(place.error());
  auto view = view_folder(*place, request);
  if (!view) return context.fail(view.error());
  auto data = deploy::to_json(view->plan.changes);
  data["environment"] = request.environment;
  context.print(data, [&](const Style& style) { return deploy::to_text(view->plan.changes, style); });
  for (const auto& note : view->fleet.notes) context.note(note);
  return view->plan.changes.empty() ? 0 : 1;
}

}  // namespace

Command diff_command() {
  auto request = std::make_shared<release::FleetRequest>();
  return {.name = "diff",
          .group = Group::cluster,
          .summary = "Show what apply would change in an environment, field by field",
          .description =
              "Exit 0 when there is nothing to change, 1 when there is. Where there is an origin, its branch is\n"
              "fetched and compared with.",
          .examples = {{"what waits for staging", "mlctl diff --env staging"},
                       {"what a version would change", "mlctl diff credit-risk@v1.2.0 --env staging"}},
          .arguments = fleet_arguments(*request),
          .options = fleet_options(*request),
          .run = [request](Context& context) { return run_diff(*request, context); }};
}

}  // namespace mlctl::cli
