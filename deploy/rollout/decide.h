// What a rollout does next: a pure function of what it remembers and what is seen. Whoever calls it writes the answer
// down before acting on it. Rules: when the canary is ready for a weight, when the route has followed, what blocks
// tell, when to go on, wait, pause or go back.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "deploy/cluster/pods.h"
#include "deploy/rollout/state.h"

namespace mlctl::deploy {

struct ArmSeen {
  std::int64_t ready = 0;    // pods that serve
  std::int64_t crashes = 0;  // restarts of its containers, and ends in error
  std::string crash;         // the newest, in words
  PodTrouble trouble;        // the worst
};

struct RouteSeen {
  bool there = false;
  bool ours = false;  // it refers to the arms of this rollout and to nothing else
  double weight = 0;  // of the canary
  std::int64_t generation = 0;
  bool observed = false;  // its status is that of this generation, and the gateway has accepted it
  std::string trouble;    // what the gateway says against it
  std::string editor;     // who wrote it last, when that was not us
};

struct Observation {
  WallTime now{};
  ArmSeen stable, canary;
  RouteSeen route;
  bool scraped = false;
  ArmCounters stable_counters, canary_counters;
  std::string blind;                        // why nothing was scraped
  std::optional<BlockCounts> gateway = {};  // what it has counted of both arms
  std::string unseen = {};                  // what else could not be read, and why
};

// How long until the next look is worth its requests.
[[nodiscard]] Duration next_look(const RolloutState& state);
// Whether a look needs the pods' counters.
[[nodiscard]] bool wants_counters(const RolloutState& state);
// Replicas of the canary before it gets this weight: its share of the whole, two at least where the whole has two (one
// pod may be a bad node).
[[nodiscard]] std::int64_t replicas_for(double weight, std::int64_t whole);

// A gateway that does not confirm that it follows the route back is believed after this: the canary is kept as long as
// it is asked anyway.
inline constexpr std::chrono::seconds abort_limit{30};
// Beyond the look-around: whoever still asks the arm that lost does so by itself.
inline constexpr std::chrono::minutes drain_limit{10};
// "1 of 3 judged steps skipped for want of traffic"; "": none was.
[[nodiscard]] std::string skipped_steps(const RolloutState& state);
// Why it is not proven that all traffic is back, after an abort; "": it is, or there was none.
[[nodiscard]] std::string unproven_abort(const RolloutState& state);

[[nodiscard]] RolloutState decide(const RolloutState& before, const Observation& seen);

}  // namespace mlctl::deploy
