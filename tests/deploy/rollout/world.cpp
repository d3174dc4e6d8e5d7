#include "tests/deploy/rollout/world.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "deploy/rollout/replay.h"

namespace mlctl::deploy::test {
namespace {

const WallTime start = std::chrono::sys_days(std::chrono::year(2026) / 11 / 23);

}  // namespace

void World::count(const RolloutState& state, double seconds) {
  const double share = follows ? weight_ : 0;
  const auto add = [&](ArmCounters& arm, const std::string& name, double requests, double errors, double slow) {
    auto& pod = arm[name];
    if (pod.metrics.empty()) pod.metrics.resize(state.plan.config.metrics.empty() ? 2 : 3, RawCount{});
    const auto some = [&](double mean) {
      return mean > 0 ? static_cast<double>(std::poisson_distribution<int>(mean)(random_)) : 0.0;
    };
    const double asked = some(requests);
    pod.requests += asked;
    const auto of = [&](std::size_t metric, double bad) {
      if (!pod.metrics[metric]) pod.metrics[metric].emplace();
      pod.metrics[metric]->total += asked;
      pod.metrics[metric]->good += asked - std::min(asked, some(asked * bad));
    };
    of(0, errors);
    of(1, slow);
    if (pod.metrics.size() > 2) of(2, &arm == &canary_ ? canary_declined : stable_declined);
  };
  for (int i = 0; i < 4; ++i)
    add(stable_, "s" + std::to_string(i), rate * seconds * (1 - share) / 4, stable_errors, stable_slow);
  const auto pods = std::min(canary_ready, state.replicas);
  for (std::int64_t i = 0; i < pods; ++i)
    add(canary_, "c" + std::to_string(i), rate * seconds * share / static_cast<double>(pods), canary_errors,
        canary_slow);
  if (resets && !stable_.empty()) stable_["s0"] = {0, {RawCount{}, RawCount{}}};
  gateway_.stable.requests += rate * seconds * (1 - share);
  gateway_.canary.requests += rate * seconds * share;
  gateway_.stable.events += stable_lost * seconds;
  gateway_.canary.events += share > 0 ? canary_lost * seconds : 0;
  if (gateway_restarts) gateway_ = {};
}

Observation World::look(const RolloutState& state, WallTime now) {
  if (last_ != WallTime{}) count(state, static_cast<double>((now - last_).count()));
  last_ = now;
  if (foreign >= 0 && !edited_ && weight_ > 0) {
    weight_ = foreign;
    ++generation_;
    edited_ = true;
  } else if (writes && !edited_ && !state.pause && weight_ != state.weight) {
    weight_ = state.weight;
    ++generation_;
  }
  Observation out{.now = now};
  out.stable = {4, stable_crashes, "", {}};
  out.canary = {std::min(canary_ready, state.replicas), canary_crashes, "credit-risk-b-1: OOMKilled, exit 137",
                trouble};
  out.route = {true, true, weight_, generation_, observed, gateway_says, edited_ ? "kubectl-edit" : ""};
  if (blind) {
    out.blind = "Prometheus monitoring/prometheus: no answer";
    return out;
  }
  if (state.plan.gateway) out.gateway = gateway_;
  out.scraped = true;
  out.stable_counters = stable_;
  out.canary_counters = canary_;
  if (!unseen) return out;
  out.unseen = "metric declined: no answer";
  for (auto* arm : {&out.stable_counters, &out.canary_counters})
    for (auto& [pod, counters] : *arm) counters.metrics.back().reset();
  return out;
}

void World::replay(RolloutState& state) {
  const auto batch = begin_replay(state);
  state.replay.open = false;
  for (std::size_t round = 0; round < batch.rounds; ++round)
    for (const auto& pod : batch.pods) {
      const bool is_canary = canary_.count(pod) != 0;
      if (replay_status == 0) {
        ++state.replay.lost;
        state.replay.trouble = "no route to host";
        continue;
      }
      const bool fails = std::bernoulli_distribution(is_canary ? canary_replay_errors : stable_replay_errors)(random_);
      take_answer(state, pod, fails ? 500 : replay_status);
      if (!counts_replayed) continue;
      auto& counters = (is_canary ? canary_ : stable_)[pod];
      ++counters.requests;
      const bool slow = std::bernoulli_distribution(is_canary ? canary_slow : stable_slow)(random_);
      for (const auto& [metric, bad] : {std::pair<std::size_t, bool>{0, fails}, {1, slow}}) {
        ++counters.metrics[metric]->total;
        counters.metrics[metric]->good += bad ? 0 : 1;
      }
    }
}

RolloutState fresh_rollout() {
  RolloutState state;
  state.candidate = {"bbbbbbbbbb", "sha256:b", "v1.1.0", "c0ffee", 2, "", "ada@host"};
  state.baseline = {"aaaaaaaaaa", "sha256:a", "v1.0.0", "facade", 1, "2026-11-22T00:00:00Z", "ada@host"};
  state.plan.config.steps = {{0.05, std::chrono::minutes(2), 0},
                             {0.25, std::chrono::minutes(2), 0},
                             {0.5, std::chrono::minutes(2), 0},
                             {1, {}, 0}};
  state.plan.replicas = 4;
  state.plan.edge = 0.25;
  state.plan.infer_port = 8080;
  state.plan.counting = {{"requests_total", "code", "seconds", "", ""}, 8080, "/metrics"};
  state.replicas = 2;
  state.route_generation = 1;
  state.began = state.since = start;
  return state;
}

Run roll(World& world, RolloutState state, Duration limit,
         const std::function<void(World&, const RolloutState&)>& hook) {
  WallTime now = start;
  while (now - start < limit && !state.is_over() && !state.pause) {
    if (hook) hook(world, state);
    state = decide(state, world.look(state, now));
    world.replay(state);
    auto again = parse_rollout(to_json(state));
    REQUIRE(again);
    CHECK(*again == state);
    state = std::move(*again);
    now += std::max(std::chrono::ceil<std::chrono::seconds>(next_look(state)), std::chrono::seconds(1));
  }
  return {std::move(state), now - start};
}

}  // namespace mlctl::deploy::test
