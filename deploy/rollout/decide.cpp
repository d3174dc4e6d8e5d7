#include "deploy/rollout/decide.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string_view>

#include "base/terminal.h"
#include "deploy/cluster/wait.h"
#include "deploy/rollout/ask.h"
#include "deploy/rollout/blocks.h"
#include "deploy/rollout/gateway.h"
#include "deploy/rollout/replay.h"

namespace mlctl::deploy {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr minutes ready_limit{10};
constexpr double enough_to_see{20};     // requests that tell whether a route is followed
constexpr double surely_followed{100};  // so many without one at the canary: the gateway does not follow
constexpr double too_few{100};          // of the canary in a step: too little traffic to be judged
constexpr int flat_scrapes = 2;
constexpr minutes together{5};  // what ends pods of both arms within this is no version's fault

constexpr std::string_view unproven = "unproven: ";

std::string percent(double share) {
  const auto rounded = std::round(share * 1000) / 10;
  std::string text = std::to_string(rounded);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text + " %";
}

void pause(RolloutState& state, WallTime now, const std::string& reason) {
  state.pause = Pause{"mlctl", reason, now};
  tell(state, now, "paused: " + reason);
}

const RolloutStep& step_of(const RolloutState& state) {
  return state.plan.config.steps[state.step];
}

// Fatal requests are never scraped, so an end in error is a failure by itself (rollout.md, rule 16): unless stable's
// pods end too, which says something of the nodes.
bool crashed(RolloutState& state, const Observation& seen) {
  // Fewer where one of its pods went.
  if (state.canary_crashes < 0 || state.canary_crashes > seen.canary.crashes)
    state.canary_crashes = seen.canary.crashes;
  if (state.stable_crashes >= 0 && seen.stable.crashes > state.stable_crashes) state.stable_crashed = seen.now;
  state.stable_crashes = seen.stable.crashes;
  if (state.has_lost() || seen.canary.crashes <= state.canary_crashes) return false;
  if (seen.now - state.stable_crashed < together) {
    state.canary_crashes = seen.canary.crashes;  // a person decides what they mean
    const auto why = "pods of both versions end in error: " + seen.canary.crash;
    if (state.pause)
      tell(state, seen.now, why);
    else
      pause(state, seen.now, why);
    return true;
  }
  abort_rollout(state, seen.now,
                "a pod of the canary ended: " + (seen.canary.crash.empty() ? "unknown" : seen.canary.crash));
  return true;
}

bool failed_at_gateway(RolloutState& state, const Observation& seen) {
  if (state.has_lost() || !seen.gateway) return false;
  const auto why = take_gateway(state, *seen.gateway);
  if (why.empty()) return false;
  abort_rollout(state, seen.now, why);
  return true;
}

// Somebody else's weights: our last write made another generation, and ours is not what is there.
bool taken_over(RolloutState& state, const Observation& seen) {
  if (state.has_lost() || state.is_over()) return false;
  const auto& route = seen.route;
  if (!route.there && state.route_generation == 0) return false;  // it is made, or made again after a resume
  if (!route.there || !route.ours) {
    const std::string why = !route.there ? "the HTTPRoute is gone; a resume or an abort makes it again"
                                         : "taken over: the HTTPRoute refers to something else" +
                                               (route.editor.empty() ? "" : ", as " + route.editor + " wrote it");
    if (!state.pause) pause(state, seen.now, why);
    return true;
  }
  const bool as_intended = std::abs(route.weight - state.weight) < 1e-6;
  if (as_intended) {
    state.route_generation = route.generation;
    return false;
  }
  if (state.route_generation == 0 || route.generation == state.route_generation) return false;  // not written yet
  if (!state.pause)
    pause(state, seen.now,
          "taken over: the HTTPRoute gives the canary " + percent(route.weight) + ", and not " + percent(state.weight) +
              (route.editor.empty() ? "" : ", as " + route.editor + " wrote it"));
  return true;
}

void prepare(RolloutState& state, const Observation& seen) {
  const double weight = step_of(state).weight;
  state.replicas = std::max(state.replicas, replicas_for(weight, state.plan.replicas));
  if (seen.canary.ready >= state.replicas) {
    state.weight = weight;
    enter(state, Phase::shifting, seen.now);
    tell(state, seen.now,
         percent(weight) + " of the traffic: " + count_text(static_cast<std::uint64_t>(state.replicas), "pod") +
             " ready");
    return;
  }
  const auto waited = seen.now - state.since;
  const auto& trouble = seen.canary.trouble;
  const auto limit = trouble.kind == PodTrouble::Kind::none ? Duration(ready_limit) : patience_with(trouble.kind);
  if (waited < std::min<Duration>(limit, ready_limit)) return;
  abort_rollout(state, seen.now,
                std::to_string(seen.canary.ready) + " of " +
                    count_text(static_cast<std::uint64_t>(state.replicas), "pod") + " of the canary ready after " +
                    human_duration(waited) + (trouble.reason.empty() ? "" : ": " + trouble.reason));
}

void has_followed(RolloutState& state, const Observation& seen, const std::string& how) {
  if (!how.empty()) tell(state, seen.now, how);
  if (state.weight < 1) {
    enter(state, Phase::measuring, seen.now);
    begin_judging(state);
    return;
  }
  enter(state, Phase::looking, seen.now);
  tell(state, seen.now,
       "promoted: " + state.candidate.version + " serves; " + state.baseline.version + " is kept for " +
           human_duration(state.plan.config.look_around) +
           (replayed_steps(state).empty() ? "" : "; " + replayed_steps(state)) +
           (skipped_steps(state).empty() ? "" : "; " + skipped_steps(state)));
}

// The status of the route, and requests that are seen to follow it (rollout.md, rule 9).
void shift(RolloutState& state, const Observation& seen) {
  const bool written = std::abs(seen.route.weight - state.weight) < 1e-6;
  if (!written) return;
  // What was counted before the route was there says nothing of it.
  if (!seen.route.observed && state.block) state.block.reset();
  if (seen.scraped) take_scrape(state, seen);
  const auto waited = seen.now - state.since;
  const auto limit = std::max<Duration>(state.plan.config.block, seconds(20));
  const Followed seen_requests = state.block ? followed(*state.block) : Followed{};
  const double before = state.step == 0 ? 0 : state.plan.config.steps[state.step - 1].weight;
  const bool nearer = seen_requests.share > (before + state.weight) / 2;
  if (seen.route.observed && seen_requests.requests >= enough_to_see && nearer) return has_followed(state, seen, "");
  if (waited < limit) return;
  if (!seen.route.trouble.empty()) {
    if (!state.pause) pause(state, seen.now, "the gateway says: " + seen.route.trouble);
  } else if (seen_requests.requests >= surely_followed && seen_requests.share * 4 < state.weight) {
    if (!state.pause)
      pause(state, seen.now,
            "the gateway does not follow the route: " + percent(seen_requests.share) + " of " +
                count_text(static_cast<std::uint64_t>(seen_requests.requests), "request") +
                " reached the canary, and not " + percent(state.weight));
  } else {
    has_followed(state, seen,
                 std::string(unproven) +
                     std::string(seen.route.observed ? "too few requests tell" : "the gateway does not say") +
                     " whether the route is followed");
  }
}

void advance(RolloutState& state, WallTime now, const std::string& why) {
  tell(state, now, percent(state.weight) + why);
  state.replay.passed += by_replay(state).empty() ? 0 : 1;
  state.verdict.clear();
  ++state.step;
  enter(state, Phase::preparing, now);
}

std::string names_of(const JudgeRules& rules) {
  std::string out;
  for (const auto& metric : rules.metrics) out += (out.empty() ? "" : ", ") + metric.name;
  return out;
}

void undecided(RolloutState& state, const Observation& seen, const std::string& reason) {
  const auto waited = seen.now - state.since;
  const auto& config = state.plan.config;
  const double least = std::max(too_few, static_cast<double>(step_of(state).min_requests));
  const bool low = state.canary.requests < least;
  const std::string requests =
      count_text(static_cast<std::uint64_t>(state.canary.requests), "request") + " in " + human_duration(waited);
  if (low && config.low_traffic == LowTraffic::time && waited >= step_of(state).hold) {
    ++state.skipped;
    return advance(state, seen.now,
                   " skipped: " + names_of(rules_of(state.plan)) + " (low_traffic: time): " + requests);
  }
  if (waited < step_of(state).hold + config.extend) return;
  const std::string trouble = state.replay.trouble.empty() ? "" : "; replay: " + state.replay.trouble;
  if (low) return pause(state, seen.now, "low traffic: " + requests + " at the canary" + by_replay(state) + trouble);
  const std::string why = "inconclusive after " + human_duration(waited) + ": " + reason + by_replay(state);
  if (config.abort_when_undecided) return abort_rollout(state, seen.now, why);
  pause(state, seen.now, why);
}

void measure(RolloutState& state, const Observation& seen) {
  // What is scraped first after a shift is warm-up.
  const bool warm = seen.now - state.since >= state.plan.config.block / 4;
  close_replay(state);
  if (seen.scraped && warm) take_scrape(state, seen);
  const auto judgement = judgement_of(state);
  const auto reason = judgement.reason + by_replay(state);
  const auto unseen = seen.unseen.empty() ? "" : "; not read: " + seen.unseen;
  state.verdict = std::string(to_string(judgement.verdict)) + ": " + reason + unseen;
  if (judgement.verdict == JudgeVerdict::fail) return abort_rollout(state, seen.now, reason);
  if (state.pause) return;
  if (const auto problem = replay_problem(state); !problem.empty()) return pause(state, seen.now, problem);
  if (!seen.scraped && seen.now - std::max(state.measured, state.since) >= state.plan.config.extend)
    return pause(state, seen.now, "nothing can be measured: " + seen.blind);
  const bool held = seen.now - state.since >= step_of(state).hold;
  const bool enough = state.canary.requests >= static_cast<double>(step_of(state).min_requests);
  if (judgement.verdict == JudgeVerdict::pass && held && enough)
    return advance(state, seen.now,
                   " passed: " + judgement.reason + " in " +
                       count_text(static_cast<std::uint64_t>(state.canary.requests), "request") + by_replay(state));
  if (judgement.verdict != JudgeVerdict::pass || !enough) undecided(state, seen, judgement.reason + unseen);
}

// The canary's pods are kept, however long, while somebody still asks them: it costs nothing to believe a route that
// its gateway does not confirm.
void give_back(RolloutState& state, const Observation& seen) {
  if (seen.route.there && seen.route.weight > 0) return;
  const bool confirmed = seen.route.there && seen.route.observed;
  if (!confirmed && seen.now - state.since < abort_limit) return;
  enter(state, Phase::aborted, seen.now);
  if (!confirmed)
    tell(state, seen.now,
         std::string(unproven) +
             (seen.route.there ? "the gateway does not say whether it follows the route back"
                               : "the HTTPRoute is gone, and nothing leads to the model") +
             (seen.route.trouble.empty() ? "" : ": " + seen.route.trouble));
}

// The arm that lost goes when nobody asks it any more.
void look_around(RolloutState& state, const Observation& seen) {
  const bool won = state.phase == Phase::looking;
  const auto& config = state.plan.config;
  const auto waited = seen.now - state.since;
  if (waited < config.look_around || waited < config.drain) return;
  const auto& losing = won ? seen.stable_counters : seen.canary_counters;
  const bool same = state.block && requests_of(won ? state.block->stable : state.block->canary) == requests_of(losing);
  const int flat = seen.scraped && same ? state.block->scrapes + 1 : 0;
  if (seen.scraped) state.block = OpenBlock{seen.now, seen.stable_counters, seen.canary_counters, {}, {}, flat, {}};
  if (flat < flat_scrapes && waited < config.look_around + drain_limit && (seen.scraped || !seen.blind.empty())) return;
  enter(state, won ? Phase::promoted : Phase::failed, seen.now);
  tell(state, seen.now, (won ? state.baseline.version : state.candidate.version) + " is removed");
}

}  // namespace

std::string skipped_steps(const RolloutState& state) {
  if (state.skipped == 0) return "";
  return std::to_string(state.skipped) + " of " + count_text(state.plan.config.steps.size() - 1, "judged step") +
         " skipped for want of traffic";
}

std::string unproven_abort(const RolloutState& state) {
  for (const auto& event : state.events)
    if (state.has_lost() && event.when >= state.since && event.what.starts_with(unproven))
      return event.what.substr(unproven.size());
  return "";
}

Duration next_look(const RolloutState& state) {
  switch (state.phase) {
    case Phase::preparing:
    case Phase::shifting:
    case Phase::aborting:
      return std::min<Duration>(seconds(2), state.plan.config.block / 4);
    case Phase::measuring:  // what is replayed is spread over the time until then
      if (state.plan.config.low_traffic == LowTraffic::replay)
        return std::min<Duration>(state.plan.config.block / 4, seconds(15));
      return state.plan.config.block / 4;
    case Phase::looking:
    case Phase::aborted:
      return state.plan.config.block / 4;
    case Phase::promoted:
    case Phase::failed:
      break;
  }
  return seconds(1);
}

bool wants_counters(const RolloutState& state) {
  return state.phase == Phase::shifting || state.phase == Phase::measuring || state.phase == Phase::looking ||
         state.phase == Phase::aborted;
}

std::int64_t replicas_for(double weight, std::int64_t whole) {
  const auto share = static_cast<std::int64_t>(std::ceil(weight * static_cast<double>(whole) - 1e-9));
  return std::min(whole, std::max(share, std::min<std::int64_t>(2, whole)));
}

RolloutState decide(const RolloutState& before, const Observation& seen) {
  RolloutState state = before;
  state.heartbeat = seen.now;
  if (state.is_over() || crashed(state, seen) || failed_at_gateway(state, seen) || taken_over(state, seen))
    return state;
  // Whoever paused it wants nothing to go on; what is worse than that still counts.
  if (state.pause && state.phase != Phase::measuring) return state;
  switch (state.phase) {
    case Phase::preparing:
      prepare(state, seen);
      break;
    case Phase::shifting:
      shift(state, seen);
      break;
    case Phase::measuring:
      measure(state, seen);
      break;
    case Phase::looking:
    case Phase::aborted:
      look_around(state, seen);
      break;
    case Phase::aborting:
      give_back(state, seen);
      break;
    case Phase::promoted:
    case Phase::failed:
      break;
  }
  return state;
}

}  // namespace mlctl::deploy
