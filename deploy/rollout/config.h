// How traffic moves to a new version: `rollout:` of a model, decoded. The table stands with the others in deploy/.
#pragma once
#include <chrono>
#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "base/document.h"
#include "base/result.h"
#include "deploy/judge/judge.h"

namespace mlctl::deploy {

struct RolloutStep {
  double weight = 1;               // share of the traffic, above 0, at most 1
  Duration hold{};                 // at least this long
  std::uint64_t min_requests = 0;  // of the canary, at least so many
  bool operator==(const RolloutStep&) const = default;
};

// A metric of the user's own: PromQL for two counters, each with the label `pod`. {namespace} stands for the namespace,
// {pods} for a regular expression of the names of both arms' pods.
struct UserMetric {
  MetricRule rule;
  std::string good, total;
  bool operator==(const UserMetric&) const = default;
};
inline constexpr double least_ratio = 1.1, most_ratio = 1000;  // to be excluded
inline constexpr std::size_t most_metrics = 8;

// When the canary has too little traffic to be judged.
// time: on after the stated time, with what was not judged recorded; replay: recorded requests are sent to both
// versions.
enum class LowTraffic { pause, time, replay };
[[nodiscard]] const char* to_string(LowTraffic how);

struct RolloutConfig {
  std::vector<RolloutStep> steps;  // rising; the last is 100 %
  MetricRule errors{"errors", 1.5, 0.001, {5, 3, 2}};
  // The name and the edge are chosen when a rollout begins, from what stable's requests take.
  MetricRule latency{"latency", 1.3, 0.01, {3, 2, 1.5}};
  std::vector<UserMetric> metrics;
  Duration block = std::chrono::seconds(60);  // of the judge's grid
  Duration extend = std::chrono::minutes(10);
  bool abort_when_undecided = false;  // after `extend`; else it pauses
  LowTraffic low_traffic = LowTraffic::pause;
  double replay_rate = 50;  // requests a second, both versions and people's together
  Duration drain = std::chrono::seconds(30);
  Duration look_around = std::chrono::minutes(5);  // how long what lost is kept
  bool operator==(const RolloutConfig&) const = default;
};

// Below this the error rates that were measured for the judge do not hold (rollout.md, rule 20).
inline constexpr std::chrono::seconds least_judged_block{60};

// Requests a second through the API server's proxy, which has others to serve.
inline constexpr double least_replay_rate = 1, most_replay_rate = 100;

// From a tree that was checked against the table. Error{usage} with the place: steps that do not rise or do not end at
// 100 %, fewer ratios than steps below 100 %, a rate of replay out of bounds, a block under 4 s.
[[nodiscard]] Result<RolloutConfig> decode_rollout(const Node& merged_model);

}  // namespace mlctl::deploy
