// mlctl rollout: traffic from one version to the next, step by step.
#include "cli/rollout.h"

#include <nlohmann/json.hpp>
#include <ostream>

#include "base/interrupt.h"
#include "cli/ask.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/environment.h"
#include "cli/fleet.h"
#include "deploy/rollout/display.h"
#include "deploy/rollout/drive.h"
#include "release/provide.h"

namespace mlctl::cli {
namespace {

constexpr std::chrono::seconds look_again{2};

struct RolloutOptions {
  std::string model, environment, reason;
  bool no_wait = false, wait = false, again = false, take_over = false, yes = false;
};

// Where a rollout is, without asking git or a registry.
struct Stage {
  Workplace place;
  const deploy::Environment* environment = nullptr;
  deploy::RolloutPlace where;
  RolloutLink link;
};

Result<Stage> open_stage(const RolloutOptions& options, Context& context) {
  auto place = open_fleet_place(context);
  if (!place) return place.error();
  Stage stage{.place = std::move(*place)};
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

int show(const deploy::ModelState& state, WallTime now, Context& context) {
  context.print(deploy::rollout_json(state, now),
                [&](const Style& style) { return deploy::to_text(state, now, style); });
  return deploy::rollout_code(*state.rollout, now);
}

Result<deploy::RolloutLive> look(Stage& stage, Context& context) {
  auto live = deploy::look(stage.link.seams(*stage.environment, context), stage.where);
  if (!live || live->state.rollout) return live;
  const auto name = to_string(stage.where.model);
  return Error{Error::Kind::not_found, "no rollout of " + name + " has begun in " + stage.where.environment,
               "`mlctl rollout start " + name + " --env " + stage.where.environment + "`"};
}

// What git assigns, as the one owner of a plan; nullopt with the rollout that is there already.
Result<ClusterView> view_of(Stage& stage, const RolloutOptions& options, Context& context) {
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

Error nothing_to_roll_out(const ClusterView& view, const RolloutOptions& options) {
  for (const auto& owner : view.plan.owners)
    if (owner.refused) return *owner.refused;
  const auto& name = options.model;
  return {Error::Kind::usage, name + ": nothing to roll out in " + options.environment,
          "`mlctl diff " + name + " --env " + options.environment +
              "` shows what differs; `mlctl assign` says what should run"};
}

int run_plan(const RolloutOptions& options, Context& context) {
  auto stage = open_stage(options, context);
  if (!stage) return context.fail(stage.error());
  auto view = view_of(*stage, options, context);
  if (!view) return context.fail(view.error());
  const auto* owner = beginning(*view);
  if (owner == nullptr) return context.fail(nothing_to_roll_out(*view, options));
  auto plan = deploy::forecast(stage->link.seams(*stage->environment, context), *owner, run_name());
  if (!plan) return context.fail(plan.error());
  context.print(deploy::to_json(*plan), [&](const Style& style) { return deploy::to_text(*plan, style); });
  return 0;
}

// Begins what git assigns, unless a rollout is on its way.
Status begin(Stage& stage, const RolloutOptions& options, Context& context) {
  auto view = view_of(stage, options, context);
  if (!view) return view.error();
  for (const auto& owner : view->plan.owners)
    if (owner.rollout == deploy::OwnerPlan::Rollout::runs && !owner.refused) return ok();
  const auto seams = stage.link.seams(*stage.environment, context);
  for (auto& owner : view->plan.owners) {
    if (owner.rollout != deploy::OwnerPlan::Rollout::ends || owner.refused) continue;
    auto after = after_the_end(*view, owner, seams, context);
    if (!after) return after.error();
    owner = std::move(*after);
  }
  const auto* owner = beginning(*view);
  if (owner == nullptr) return nothing_to_roll_out(*view, options);
  auto plan = deploy::forecast(seams, *owner, run_name());
  if (!plan) return plan.error();
  for (const auto& note : plan->notes) context.note(note);
  if (stage.environment->confirm)
    if (auto yes = confirm(
            "Roll " + owner->name + " " + plan->state.candidate.version + " out to " + options.environment + "?",
            options.yes, context);
        !yes)
      return yes;
  const auto open = [&](const std::string& address) { return open_store(address, context); };
  auto copied = release::provide_images(view->plan, {stage.place.project, stage.place.git.get(), *stage.place.store,
                                                     open, context.clock, context.progress()});
  if (!copied) return copied.error();
  return deploy::begin_rollout(seams, *owner, plan->state);
}

int run_start(const RolloutOptions& options, Context& context) {
  auto stage = open_stage(options, context);
  if (!stage) return context.fail(stage.error());
  if (context.dry_run) return run_plan(options, context);
  if (auto begun = begin(*stage, options, context); !begun) return context.fail(begun.error());
  if (options.no_wait) {
    auto live = look(*stage, context);
    if (!live) return context.fail(live.error());
    static_cast<void>(show(live->state, live->now, context));
    return 0;
  }
  deploy::Driver driver(stage->link.seams(*stage->environment, context), stage->where, run_name());
  if (auto taken = driver.take(options.take_over); !taken) return context.fail(taken.error());
  return drive(driver, stage->where, context);
}

int run_tick(const RolloutOptions& options, Context& context) {
  auto stage = open_stage(options, context);
  if (!stage) return context.fail(stage.error());
  deploy::Driver driver(stage->link.seams(*stage->environment, context), stage->where, deploy::tick_name(run_name()));
  if (auto taken = driver.take(options.take_over); !taken) return context.fail(taken.error());
  auto state = driver.tick();
  if (!state) return context.fail(state.error());
  return show(*state, state->rollout->heartbeat, context);
}

int run_status(const RolloutOptions& options, Context& context) {
  auto stage = open_stage(options, context);
  if (!stage) return context.fail(stage.error());
  auto live = look(*stage, context);
  return live ? show(live->state, live->now, context) : context.fail(live.error());
}

int run_watch(const RolloutOptions& options, Context& context) {
  auto stage = open_stage(options, context);
  if (!stage) return context.fail(stage.error());
  for (;;) {
    auto live = look(*stage, context);
    if (!live) return context.fail(live.error());
    if (context.out_style.animated) context.out << "\033[H\033[J";
    const int code = show(live->state, live->now, context);
    context.out << std::flush;
    if (live->state.rollout->is_over()) return code;
    context.clock.sleep_until(context.clock.steady() + look_again);
    if (interrupted()) return exit_code(Error::Kind::interrupted);
  }
}

using Ask = Status (*)(deploy::RolloutState&, const std::string& who, const std::string& why, WallTime now);

Error over(const deploy::RolloutState& rollout) {
  return {Error::Kind::usage,
          "the rollout of " + escape_control(rollout.candidate.version) + " is over: " + to_string(rollout.phase), ""};
}

Status pause(deploy::RolloutState& rollout, const std::string& who, const std::string& why, WallTime now) {
  if (rollout.is_over() || rollout.has_lost() || rollout.has_won()) return over(rollout);
  deploy::ask_pause(rollout, who, why, now);
  return ok();
}

Status resume(deploy::RolloutState& rollout, const std::string& who, const std::string&, WallTime now) {
  if (rollout.is_over() || rollout.has_lost()) return over(rollout);
  if (!rollout.pause) return Error{Error::Kind::usage, "the rollout is not paused", "`mlctl rollout status` shows it"};
  deploy::ask_resume(rollout, who, now);
  return ok();
}

Status promote(deploy::RolloutState& rollout, const std::string& who, const std::string&, WallTime now) {
  if (rollout.is_over() || rollout.has_lost() || rollout.has_won()) return over(rollout);
  deploy::ask_promote(rollout, who, now);
  return ok();
}

Status abort(deploy::RolloutState& rollout, const std::string& who, const std::string& why, WallTime now) {
  if (rollout.is_over() || rollout.has_lost()) return over(rollout);
  deploy::ask_abort(rollout, who, why, now);
  return ok();
}

// What was asked is done when this returns; `goes_on`: somebody has to drive what follows, and that is us.
int run_ask(const RolloutOptions& options, Ask how, bool goes_on, Context& context) {
  auto stage = open_stage(options, context);
  if (!stage) return context.fail(stage.error());
  deploy::Driver driver(stage->link.seams(*stage->environment, context), stage->where, run_name());
  if (context.dry_run) {
    auto live = look(*stage, context);
    if (!live) return context.fail(live.error());
    if (auto may = how(*live->state.rollout, run_name(), options.reason, live->now); !may)
      return context.fail(may.error());
    static_cast<void>(show(live->state, live->now, context));
    context.note("dry run: nothing was written");
    return 0;
  }
  auto state = driver.ask(
      [&](deploy::RolloutState& rollout, WallTime now) { return how(rollout, run_name(), options.reason, now); });
  if (!state) return context.fail(state.error());
  if (!goes_on) {
    static_cast<void>(show(*state, state->rollout->events.back().when, context));
    return 0;
  }
  if (auto taken = driver.take(true); !taken) return context.fail(taken.error());
  auto end = deploy::drive(driver, stage->where, context.clock, context.progress());
  if (!end) return context.fail(end.error());
  const int code = show(*end, end->rollout->heartbeat, context);
  return how == abort && end->rollout->has_lost() ? 0 : code;  // that is what was asked for
}

std::vector<Option> model_argument(RolloutOptions& options) {
  return {{.name = "MODEL",
           .help = "a name, its unique last part, or a folder with a model.yaml",
           .target = &options.model,
           .required = true,
           .path = true}};
}

Option environment_option(RolloutOptions& options) {
  return {.name = "env",
          .value = "ENV",
          .help = "an environment of mlctl.yaml with a cluster",
          .target = &options.environment,
          .required = true};
}

Option take_over_option(RolloutOptions& options) {
  return {.name = "take-over", .help = "from a driver that was seen a moment ago", .target = &options.take_over};
}
Option reason_option(RolloutOptions& options) {
  return {.name = "reason", .value = "TEXT", .help = "kept with what happened", .target = &options.reason};
}
Option no_wait_option(RolloutOptions& options) {
  return {.name = "no-wait", .help = "only say it; somebody else drives", .target = &options.no_wait};
}

using Options = std::shared_ptr<RolloutOptions>;

Command verb(const Options& options, const char* name, const char* summary, const char* description,
             std::vector<Option> more, bool changes, std::function<int(Context&)> run) {
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

std::vector<Command> looking_verbs() {
  auto plan = std::make_shared<RolloutOptions>(), status = std::make_shared<RolloutOptions>(),
       watch = std::make_shared<RolloutOptions>();
  return {verb(plan, "plan", "What a rollout would do, and how long it would take",
               "From what stable's pods have counted: pods and requests of each step, when the judge would pass a\n"
               "version that is the same and when it would find three times the errors. Changes nothing.",
               {}, false, [plan](Context& context) { return run_plan(*plan, context); }),
          verb(status, "status", "Where a rollout is",
               "Exit 0: it goes on, or was promoted; 1: it was aborted, or nobody drives it; 5: it is paused.", {},
               false, [status](Context& context) { return run_status(*status, context); }),
          verb(watch, "watch", "Look on until it is over",
               "Weights, requests, errors and latency of both versions, the evidence so far and the time that is\n"
               "left. Reads only. Until the end, or Ctrl-C.",
               {}, false, [watch](Context& context) { return run_watch(*watch, context); })};
}

std::vector<Command> driving_verbs() {
  auto start = std::make_shared<RolloutOptions>(), tick = std::make_shared<RolloutOptions>();
  return {verb(start, "start", "Begin a rollout, or go on with it, and drive it to its end",
               "Begins with what git assigns to the environment; where that rollout is on its way already, takes it\n"
               "over from where it is. Exit 0: promoted; 1: aborted; 5: paused. Ctrl-C leaves it as it is.",
               {take_over_option(*start),
                no_wait_option(*start),
                {.name = "again", .help = "once more what was aborted before", .target = &start->again},
                yes_option(start->yes)},
               true, [start](Context& context) { return run_start(*start, context); }),
          verb(tick, "tick", "One look, one decision, one act: for a cron job or a CI schedule",
               "What start does again and again. A rollout that somebody drives right now is left to them.",
               {take_over_option(*tick)}, true, [tick](Context& context) { return run_tick(*tick, context); })};
}

std::vector<Command> asking_verbs() {
  auto stop = std::make_shared<RolloutOptions>(), go = std::make_shared<RolloutOptions>(),
       all = std::make_shared<RolloutOptions>(), back = std::make_shared<RolloutOptions>();
  return {
      verb(stop, "pause", "Stay at this weight", "At once, whoever drives it: that driver stops.",
           {reason_option(*stop)}, true, [stop](Context& context) { return run_ask(*stop, pause, false, context); }),
      verb(go, "resume", "Go on after a pause",
           "The step begins anew; a route that somebody edited meanwhile is written over. Drives it from here on.",
           {no_wait_option(*go)}, true, [go](Context& context) { return run_ask(*go, resume, !go->no_wait, context); }),
      verb(all, "promote", "All traffic to the new version, whatever the judge would say",
           "As soon as it has the pods for it. Drives it from here on.", {no_wait_option(*all)}, true,
           [all](Context& context) { return run_ask(*all, promote, !all->no_wait, context); }),
      verb(back, "abort", "All traffic back to the version before, at once",
           "Also in the look-around after a promotion. The pods of the version that lost are kept for the\n"
           "look-around; `rollout tick` or the next apply removes them after it.",
           {reason_option(*back), {.name = "wait", .help = "until they are removed", .target = &back->wait}}, true,
           [back](Context& context) { return run_ask(*back, abort, back->wait, context); })};
}

}  // namespace

Command rollout_command() {
  Command command{.name = "rollout",
                  .group = Group::cluster,
                  .summary = "Move traffic from one version to the next, step by step, while both are measured",
                  .description =
                      "The cluster remembers everything: every verb works from any machine, while a driver runs and\n"
                      "after it died."};
  for (const auto& group : {looking_verbs, driving_verbs, asking_verbs})
    for (auto& one : group()) command.commands.push_back(std::move(one));
  return command;
}

}  // namespace mlctl::cli
