// mlctl apply: the change set that diff shows, as one commit.
#include "cli/ask.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/fleet.h"

namespace mlctl::cli {
namespace {

struct ApplyOptions {
  release::FleetRequest request;
  bool no_push = false, yes = false;
};

int run_apply(const ApplyOptions& options, Context& context) {
  auto place = open_fleet_place(context);
  if (!place) return context.fail(place.error());
  auto view = view_folder(*place, options.request);
  if (!view) return context.fail(view.error());
  if (view->fleet.environment->confirm && !context.dry_run && !view->plan.empty()) {
    const auto question = "Apply " + std::to_string(view->plan.changes.changes.size()) + " changes to " +
                          options.request.environment + "?";
    if (auto confirmed = confirm(question, options.yes, context); !confirmed) return context.fail(confirmed.error());
  }
  return apply_view(*place, *view, !options.no_push, context);
}

}  // namespace

Command apply_command() {
  auto options = std::make_shared<ApplyOptions>();
  auto list = fleet_options(options->request);
  list.push_back(no_push_option(options->no_push));
  list.push_back(yes_option(options->yes));
  return {
      .name = "apply",
      .group = Group::cluster,
      .summary = "Apply to an environment exactly what diff shows",
      .description =
          "One commit on the branch of its GitOps folder, pushed where there is an origin; your worktree and index\n"
          "stay as they are. A second apply changes nothing. An older assignment never replaces a newer one (exit 1).",
      .examples = {{"everything that is assigned to staging", "mlctl apply --env staging"},
                   {"the models of one team", "mlctl apply -l team=risk --env staging"}},
      .arguments = fleet_arguments(options->request),
      .options = list,
      .changes = true,
      .run = [options](Context& context) { return run_apply(*options, context); }};
}

}  // namespace mlctl::cli
