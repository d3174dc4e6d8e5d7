// mlctl rollout pause, resume, promote, abort: what people ask for, from any machine, whoever drives it.
#include <nlohmann/json.hpp>

#include "cli/rollout_verbs.h"
#include "deploy/rollout/ask.h"
#include "deploy/rollout/drive.h"

namespace mlctl::cli {
namespace {

using Ask = Status (*)(deploy::RolloutState&, const std::string& who, const std::string& why, WallTime now);

Error over(const deploy::RolloutState& rollout) {
  return {Error::Kind::usage,
          "the rollout of " + escape_control(rollout.candidate.version) + " is over: " + to_string(rollout.phase),
          "`mlctl undo` goes back to the version before, a newer assignment goes on"};
}

Status pause(deploy::RolloutState& rollout, const std::string& who, const std::string& why, WallTime now) {
  if (rollout.is_over() || rollout.has_lost() || rollout.has_won()) return over(rollout);
  deploy::ask_pause(rollout, who, why, now);
  return ok();
}

Status resume(deploy::RolloutState& rollout, const std::string& who, const std::string&, WallTime now) {
  if (rollout.is_over() || rollout.has_lost()) return over(rollout);
  if (!rollout.pause)
    return Error{Error::Kind::usage, "the rollout is not paused",
                 "where it is: `mlctl rollout status MODEL --env ENV`"};
  deploy::ask_resume(rollout, who, now);
  return ok();
}

Status promote(deploy::RolloutState& rollout, const std::string& who, const std::string&, WallTime now) {
  if (rollout.is_over() || rollout.has_lost() || rollout.has_won()) return over(rollout);
  deploy::ask_promote(rollout, who, now);
  return ok();
}

// Twice is no mistake: two people see the same thing. What is left can be waited for.
Status abort(deploy::RolloutState& rollout, const std::string& who, const std::string& why, WallTime now) {
  if (rollout.is_over()) return over(rollout);
  if (!rollout.has_lost()) deploy::ask_abort(rollout, who, why, now);
  return ok();
}

// What was asked is done when this returns; `goes_on`: somebody has to drive what follows, and that is us.
int run_ask(const RolloutWords& options, Ask how, bool goes_on, Context& context) {
  auto stage = open_rollout(options, context);
  if (!stage) return context.fail(stage.error());
  deploy::Driver driver(stage->link.seams(*stage->environment, context), stage->where, run_name());
  if (context.dry_run) {
    auto live = look_at(*stage, context);
    if (!live) return context.fail(live.error());
    if (auto may = how(*live->state.rollout, run_name(), options.reason, live->now); !may)
      return context.fail(may.error());
    static_cast<void>(show_rollout(live->state, live->now, context));
    context.note("dry run: nothing was written");
    return 0;
  }
  auto state = driver.ask(
      [&](deploy::RolloutState& rollout, WallTime now) { return how(rollout, run_name(), options.reason, now); });
  if (!state) return context.fail(state.error());
  if (!goes_on) {
    static_cast<void>(show_rollout(*state, state->rollout->events.back().when, context));
    return 0;
  }
  if (auto taken = driver.take(true); !taken) return context.fail(taken.error());
  auto end = deploy::drive(driver, stage->where, context.clock, context.progress());
  if (!end) return context.fail(end.error());
  const int code = show_rollout(*end, end->rollout->heartbeat, context);
  return how == abort && end->rollout->has_lost() ? 0 : code;  // that is what was asked for
}

Option reason_option(RolloutWords& options) {
  return {.name = "reason", .value = "TEXT", .help = "kept with what happened", .target = &options.reason};
}
}  // namespace

std::vector<Command> rollout_asks() {
  auto stop = std::make_shared<RolloutWords>(), go = std::make_shared<RolloutWords>(),
       all = std::make_shared<RolloutWords>(), back = std::make_shared<RolloutWords>();
  return {
      rollout_verb(stop, "pause", "Stay at this weight", "At once, whoever drives it: that driver stops.",
                   {reason_option(*stop)}, true,
                   [stop](Context& context) { return run_ask(*stop, pause, false, context); }),
      rollout_verb(
          go, "resume", "Go on after a pause",
          "The step begins anew; a route that somebody edited meanwhile is written over. Drives it from here on.",
          {rollout_no_wait(*go)}, true, [go](Context& context) { return run_ask(*go, resume, !go->no_wait, context); }),
      rollout_verb(all, "promote", "All traffic to the new version, whatever the judge would say",
                   "As soon as it has the pods for it. Drives it from here on.", {rollout_no_wait(*all)}, true,
                   [all](Context& context) { return run_ask(*all, promote, !all->no_wait, context); }),
      rollout_verb(back, "abort", "All traffic back to the version before, at once",
                   "Also in the look-around after a promotion. The pods of the version that lost are kept for the\n"
                   "look-around; whoever drives the rollout, a `rollout tick` or the next apply removes them after it.",
                   {reason_option(*back), {.name = "wait", .help = "until they are removed", .target = &back->wait}},
                   true, [back](Context& context) { return run_ask(*back, abort, back->wait, context); })};
}

}  // namespace mlctl::cli
