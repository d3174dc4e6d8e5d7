#include "deploy/rollout/ask.h"

#include <algorithm>

#include "base/terminal.h"

namespace mlctl::deploy {
namespace {

// A person has seen what is there and goes on: a foreign edit that nobody took back is written over, and what crashed
// so far is no news.
void go_on_in_spite_of(RolloutState& state) {
  state.pause.reset();
  state.route_generation = 0;
  state.stable_crashes = state.canary_crashes = -1;
  state.stable_crashed = {};
  state.replay.stable.refused = state.replay.canary.refused = 0;
}

// What was counted, for whoever asks why: with the next step it would be gone.
void tell_counts(RolloutState& state, WallTime now) {
  const auto text = [&](const ArmTotals& arm) {
    std::string out = count_text(static_cast<std::uint64_t>(arm.requests), "request");
    const auto rules = rules_of(state.plan);
    for (std::size_t i = 0; i < std::min(arm.metrics.size(), rules.metrics.size()); ++i)
      out += ", " + rules.metrics[i].name + " " + std::to_string(static_cast<std::int64_t>(arm.metrics[i].events));
    return out;
  };
  if (state.blocks == 0) return;
  tell(state, now,
       "counted in " + count_text(state.blocks, "block") + ": canary " + text(state.canary) + "; stable " +
           text(state.stable));
}

}  // namespace

void abort_rollout(RolloutState& state, WallTime now, const std::string& reason) {
  state.reason = reason;
  state.weight = 0;
  state.pause.reset();
  enter(state, Phase::aborting, now);
  tell(state, now, "aborted: " + reason);
  tell_counts(state, now);
}

void ask_pause(RolloutState& state, const std::string& who, const std::string& why, WallTime now) {
  state.pause = Pause{who, why.empty() ? "no reason given" : why, now};
  tell(state, now, "paused by " + who + (why.empty() ? "" : ": " + why));
}

void ask_resume(RolloutState& state, const std::string& who, WallTime now) {
  go_on_in_spite_of(state);
  if (state.phase == Phase::preparing || state.phase == Phase::shifting || state.phase == Phase::measuring)
    state.since = now;
  tell(state, now, "resumed by " + who);
}

void ask_promote(RolloutState& state, const std::string& who, WallTime now) {
  go_on_in_spite_of(state);
  state.step = state.plan.config.steps.size() - 1;
  enter(state, Phase::preparing, now);
  tell(state, now, "promoted by " + who + ", whatever the judge would say");
}

void ask_end_of_looking(RolloutState& state, const std::string& who, const std::string& why, WallTime now) {
  auto& config = state.plan.config;
  config.look_around = std::min(config.look_around, config.drain);
  tell(state, now, "the look-around is ended by " + who + (why.empty() ? "" : ": " + why));
}

void ask_abort(RolloutState& state, const std::string& who, const std::string& why, WallTime now) {
  abort_rollout(state, now, "by " + who + (why.empty() ? "" : ": " + why));
}

}  // namespace mlctl::deploy
