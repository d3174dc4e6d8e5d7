// mlctl rollout: traffic from one version to the next, step by step.
#include <nlohmann/json.hpp>
#include <ostream>

#include "base/interrupt.h"
#include "cli/ask.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/environment.h"
#include "cli/fleet.h"
#include "cli/rollout_verbs.h"
#include "deploy/rollout/display.h"
#include "deploy/rollout/drive.h"
#include "release/provide.h"
#include "release/replay.h"

namespace mlctl::cli {
namespace {

constexpr std::chrono::seconds look_again{2};

// What git assigns, as the one owner of a plan; nullopt with the rollout that is there already.
Result<ClusterView> view_of(RolloutStage& stage, const RolloutWords& options, Context& context) {
  auto fleet = release::find_fleet(stage.place.project, stage.place.git.get(), *stage.place.store,
                                   {options.environment, {options.model}, {}});
  if (!fleet) return fleet.error();
  return view_cluster(std::move(*fleet), false, context, options.again);
}

const deploy::OwnerPlan* beginning(const ClusterView& view) {
  for (const auto& owner : view.plan.owners)
    if (!owner.refused && owner.rollout == deploy::OwnerPlan::Rollout::begins) return &owner;
  return nullptr;
}

Error nothing_to_roll_out(const ClusterView& view, const RolloutWords& options) {
  const auto& name = options.model;
  for (const auto& owner : view.plan.owners) {
    if (owner.refused) return *owner.refused;
    if (owner.rollout != deploy::OwnerPlan::Rollout::none)
      return {Error::Kind::usage,
              name + ": " + escape_control(owner.before.rollout->candidate.version) + " is being rolled out",
              "`mlctl rollout status " + name + " --env " + options.environment + "` shows how far it is"};
  }
  return {Error::Kind::usage, name + ": nothing to roll out in " + options.environment,
          "`mlctl diff " + name + " --env " + options.environment +
              "` shows what differs; `mlctl assign` says what should run"};
}

int run_plan(const RolloutWords& options, Context& context) {
  auto stage = open_rollout(options, context);
  if (!stage) return context.fail(stage.error());
  auto view = view_of(*stage, options, context);
  if (!view) return context.fail(view.error());
  const auto* owner = beginning(*view);
  if (owner == nullptr) return context.fail(nothing_to_roll_out(*view, options));
  auto recorded = release::replay_bodies(stage->place.project, stage->place.git.get(), *owner->spec);
  if (!recorded) return context.fail(recorded.error());
  auto plan = deploy::forecast(stage->link.seams(*stage->environment, context), *owner, run_name(), *recorded);
  if (!plan) return context.fail(plan.error());
  context.print(deploy::to_json(*plan), [&](const Style& style) { return deploy::to_text(*plan, style); });
  for (const auto& note : view->plan.notes) context.note(note);
  return 0;
}

// Begins what git assigns, unless a rollout is on its way there, or back.
Status begin(RolloutStage& stage, const RolloutWords& options, Context& context) {
  auto view = view_of(stage, options, context);
  if (!view) return view.error();
  for (const auto& owner : view->plan.owners)
    if ((owner.rollout == deploy::OwnerPlan::Rollout::runs && !owner.refused) ||
        (owner.aborted && !owner.before.rollout->is_over()))
      return ok();
  const auto seams = stage.link.seams(*stage.environment, context);
  for (auto& owner : view->plan.owners) {
    if (owner.rollout != deploy::OwnerPlan::Rollout::ends || owner.refused) continue;
    auto after = after_the_end(*view, owner, seams, context);
    if (!after) return after.error();
    owner = std::move(*after);
  }
  const auto* owner = beginning(*view);
  if (owner == nullptr) return nothing_to_roll_out(*view, options);
  auto recorded = release::replay_bodies(stage.place.project, stage.place.git.get(), *owner->spec);
  if (!recorded) return recorded.error();
  auto plan = deploy::forecast(seams, *owner, run_name(), *recorded);
  if (!plan) return plan.error();
  for (const auto& note : view->plan.notes) context.note(note);
  for (const auto& note : plan->notes) context.note(note);
  if (stage.environment->confirm)
    if (auto yes = confirm(
            "Roll " + owner->name + " " + plan->state.candidate.version + " out to " + options.environment + "?",
            options.yes, context);
        !yes)
      return yes;
  const auto open = [&](const std::string& address) { return open_store(address, context); };
  auto copied = release::provide_images(
      release::new_versions(view->plan),
      {stage.place.project, stage.place.git.get(), *stage.place.store, open, context.clock, context.progress()});
  if (!copied) return copied.error();
  return deploy::begin_rollout(seams, *owner, plan->state, plan->replay);
}

int run_start(const RolloutWords& options, Context& context) {
  auto stage = open_rollout(options, context);
  if (!stage) return context.fail(stage.error());
  if (context.dry_run) return run_plan(options, context);
  if (auto begun = begin(*stage, options, context); !begun) return context.fail(begun.error());
  if (options.no_wait) {
    auto live = look_at(*stage, context);
    if (!live) return context.fail(live.error());
    static_cast<void>(show_rollout(live->state, live->now, context));
    return 0;
  }
  deploy::Driver driver(stage->link.seams(*stage->environment, context), stage->where, run_name());
  if (auto taken = driver.take(options.take_over); !taken) return context.fail(taken.error());
  return drive(driver, stage->where, context);
}

int run_tick(const RolloutWords& options, Context& context) {
  auto stage = open_rollout(options, context);
  if (!stage) return context.fail(stage.error());
  const auto tick_by = deploy::tick_name(run_name());
  deploy::Driver driver(stage->link.seams(*stage->environment, context), stage->where, tick_by);
  // Whoever drives it right now does what a tick would.
  if (auto live = look_at(*stage, context);
      live && !options.take_over && deploy::is_driven_by_another(*live->state.rollout, tick_by, live->now)) {
    context.note("left to " + escape_control(live->state.rollout->driver) + ", who drives it");
    return show_rollout(live->state, live->now, context);
  }
  if (auto taken = driver.take(options.take_over); !taken) return context.fail(taken.error());
  auto state = driver.tick();
  if (!state) return context.fail(state.error());
  return show_rollout(*state, state->rollout->heartbeat, context);
}

int run_status(const RolloutWords& options, Context& context) {
  auto stage = open_rollout(options, context);
  if (!stage) return context.fail(stage.error());
  auto live = look_at(*stage, context);
  return live ? show_rollout(live->state, live->now, context) : context.fail(live.error());
}

int run_watch(const RolloutWords& options, Context& context) {
  auto stage = open_rollout(options, context);
  if (!stage) return context.fail(stage.error());
  for (;;) {
    auto live = look_at(*stage, context);
    if (!live) return context.fail(live.error());
    const bool drawn = context.out_style.animated && context.format == OutputFormat::text;
    if (drawn)
      context.out << drawn_over(deploy::to_text(live->state, live->now, context.out_style), height_of(1) - 1,
                                context.out_style);
    else
      static_cast<void>(show_rollout(live->state, live->now, context));
    context.out << std::flush;
    if (live->state.rollout->is_over()) return deploy::rollout_code(*live->state.rollout, live->now);
    context.clock.sleep_until(context.clock.steady() + look_again);
    if (interrupted()) return exit_code(Error::Kind::interrupted);
  }
}

Option take_over_option(RolloutWords& options) {
  return {.name = "take-over", .help = "from a driver that was seen a moment ago", .target = &options.take_over};
}
std::vector<Command> looking_verbs() {
  auto plan = std::make_shared<RolloutWords>(), status = std::make_shared<RolloutWords>(),
       watch = std::make_shared<RolloutWords>();
  return {
      rollout_verb(plan, "plan", "What a rollout would do, and how long it would take",
                   "From what stable's pods have counted: pods and requests of each step, when the judge would pass a\n"
                   "version that is the same and when it would find three times the errors. Changes nothing.",
                   {}, false, [plan](Context& context) { return run_plan(*plan, context); }),
      rollout_verb(status, "status", "Where a rollout is",
                   "Exit 0: it goes on, or was promoted; 1: it was aborted, or nobody drives it; 5: it is paused.", {},
                   false, [status](Context& context) { return run_status(*status, context); }),
      rollout_verb(watch, "watch", "Look on until it is over",
                   "Weights, requests, errors and latency of both versions, the evidence so far and the time that is\n"
                   "left. Reads only. Until the end, or Ctrl-C.",
                   {}, false, [watch](Context& context) { return run_watch(*watch, context); })};
}

std::vector<Command> driving_verbs() {
  auto start = std::make_shared<RolloutWords>(), tick = std::make_shared<RolloutWords>();
  return {rollout_verb(
              start, "start", "Begin a rollout, or go on with it, and drive it to its end",
              "Begins with what git assigns to the environment; where that rollout is on its way already, takes it\n"
              "over from where it is. Exit 0: promoted; 1: aborted; 5: paused. Ctrl-C leaves it as it is.",
              {take_over_option(*start),
               rollout_no_wait(*start),
               {.name = "again", .help = "once more what was aborted before", .target = &start->again},
               yes_option(start->yes)},
              true, [start](Context& context) { return run_start(*start, context); }),
          rollout_verb(tick, "tick", "One look, one decision, one act: for a cron job or a CI schedule",
                       "What start does again and again. A rollout that somebody drives right now is left to them.",
                       {take_over_option(*tick)}, true, [tick](Context& context) { return run_tick(*tick, context); })};
}

}  // namespace

Command rollout_command() {
  Command command{.name = "rollout",
                  .group = Group::cluster,
                  .summary = "Move traffic from one version to the next, step by step, while both are measured",
                  .description =
                      "The cluster remembers everything: every verb works from any machine, while a driver runs and\n"
                      "after it died."};
  for (const auto& group : {looking_verbs, driving_verbs, rollout_asks})
    for (auto& one : group()) command.commands.push_back(std::move(one));
  return command;
}

}  // namespace mlctl::cli
