// mlctl status: what a cluster runs, whether it works, and whether it is what git says.
#include <chrono>
#include <nlohmann/json.hpp>
#include <ostream>

#include "base/interrupt.h"
#include "cli/cluster.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/fleet.h"
#include "deploy/cluster/status_watch.h"

namespace mlctl::cli {
namespace {

constexpr std::chrono::milliseconds draw_again{500};  // at most so often, however much happens
constexpr std::chrono::seconds age{10};               // of what says how long ago something was

struct StatusOptions {
  release::FleetRequest request;
  bool watch = false;
};

int code_of(const std::vector<deploy::ModelStatus>& all) {
  for (const auto& one : all)
    if (!one.is_fine()) return 1;
  return 0;
}

int show(const release::Fleet& fleet, const std::vector<deploy::ModelStatus>& all, Context& context) {
  const nlohmann::ordered_json data = {{"schemaVersion", 1},
                                       {"environment", fleet.desired.environment},
                                       {"context", fleet.environment->cluster->context},
                                       {"models", deploy::to_json(all)}};
  context.print(data, [&](const Style& style) { return deploy::to_text(all, context.clock.wall(), style); });
  for (const auto& model : fleet.strangers)
    context.note(model + " is assigned to " + fleet.desired.environment +
                 " and has no model.yaml here: what runs of it is not looked at");
  if (!fleet.strangers.empty()) return 1;
  if (all.empty()) context.note("nothing is assigned to " + fleet.desired.environment + ", and nothing runs there");
  return code_of(all);
}

// Drawn over itself on a terminal; elsewhere a table whenever something has changed. Until Ctrl-C.
int watch(const release::Fleet& fleet, deploy::Connection& there, Context& context) {
  const bool drawn = context.out_style.animated && context.format == OutputFormat::text;
  deploy::WatchOptions options;
  options.told = [&](const std::string& line) { context.note(escape_control(line)); };
  deploy::StatusWatch status(*there.cluster, context.clock, fleet.desired, options);
  std::string before;
  for (;;) {
    auto changed = status.wait(drawn ? context.clock.steady() + age : SteadyTime::max());
    if (interrupted()) return exit_code(Error::Kind::interrupted);
    if (!changed) return context.fail(changed.error());
    const auto all = status.read();
    // Much changes in a cluster that nobody sees here.
    if (auto now = deploy::to_json(all).dump(); drawn || now != before) {
      if (drawn)
        context.out << drawn_over(deploy::to_text(all, context.clock.wall(), context.out_style), height_of(1) - 1,
                                  context.out_style);
      else
        static_cast<void>(show(fleet, all, context));
      context.out << std::flush;
      before = std::move(now);
    }
    context.clock.sleep_until(context.clock.steady() + draw_again);
  }
}

int run_status(const StatusOptions& options, Context& context) {
  auto place = open_fleet_place(context);
  if (!place) return context.fail(place.error());
  auto environment = release::find_environment(place->project, options.request.environment);
  if (!environment) return context.fail(environment.error());
  if (!(*environment)->cluster)
    return context.fail({Error::Kind::usage, "environment " + options.request.environment + " has no `cluster:`",
                         "what its folder holds: `mlctl diff --env " + options.request.environment + "`"});
  auto fleet = release::find_fleet(place->project, place->git.get(), *place->store, options.request);
  if (!fleet) return context.fail(fleet.error());
  auto there = connect(**environment, context);
  if (!there) return context.fail(there.error());
  if (options.watch) return watch(*fleet, *there, context);
  auto all = deploy::read_status(*there->cluster, *there->discovery, fleet->desired);
  return all ? show(*fleet, *all, context) : context.fail(all.error());
}

}  // namespace

Command status_command() {
  auto options = std::make_shared<StatusOptions>();
  auto list = fleet_options(options->request);
  list.push_back({.name = "watch",
                  .letter = 'w',
                  .help = "show what changes when it does, until Ctrl-C",
                  .target = &options->watch});
  return {.name = "status",
          .group = Group::cluster,
          .summary = "Show what a cluster runs, whether it works, and whether it is what git says",
          .description =
              "For each model the version that serves, its digest, ready replicas, since when and by whom. Below the\n"
              "table: why pods are not ready, how git differs, who is changing it. Exit 1 when any of these is said.",
          .examples = {{"everything in prod", "mlctl status --env prod"},
                       {"one model, as it changes", "mlctl status credit-risk --env prod --watch"},
                       {"for a script", "mlctl status --env prod -o json"}},
          .arguments = fleet_arguments(options->request),
          .options = list,
          .run = [options](Context& context) { return run_status(*options, context); }};
}

}  // namespace mlctl::cli
