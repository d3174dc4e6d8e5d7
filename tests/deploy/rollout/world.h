// A made-up cluster for decide(): pods that count, a route that follows, a clock that is moved by hand.
#pragma once
#include <functional>
#include <random>
#include <string>

#include "deploy/rollout/decide.h"
#include "deploy/rollout/state.h"

namespace mlctl::deploy::test {

struct World {
  double rate = 100;  // requests a second, both arms together
  double stable_errors = 0.005, canary_errors = 0.005;
  double stable_slow = 0.05, canary_slow = 0.05;
  std::int64_t canary_ready = 100;  // at most so many get ready
  PodTrouble trouble;
  std::int64_t stable_crashes = 0, canary_crashes = 0;
  bool follows = true, observed = true;  // the gateway
  bool writes = true;                    // what is intended reaches the route
  double foreign = -1;                   // somebody's weight
  std::string gateway_says;
  bool blind = false;
  bool resets = false;                                    // the counters of a stable pod begin anew
  double stable_declined = 0.02, canary_declined = 0.02;  // by a metric of the user's own, where the plan has one
  bool unseen = false;                                    // that metric cannot be read
  double stable_lost = 0, canary_lost = 0;                // answered 502 by the gateway, each second
  bool gateway_restarts = false;
  // What pods answer to replayed requests: the share of 5xx, the status of the others (0: nothing is delivered), and
  // whether they count it.
  double stable_replay_errors = 0, canary_replay_errors = 0;
  int replay_status = 200;
  bool counts_replayed = true;

  Observation look(const RolloutState& state, WallTime now);
  void replay(RolloutState& state);  // what the driver does after a decision

 private:
  void count(const RolloutState& state, double seconds);
  std::mt19937_64 random_{7};
  WallTime last_{};
  double weight_ = 0;
  std::int64_t generation_ = 1;
  bool edited_ = false;
  ArmCounters stable_, canary_;
  BlockCounts gateway_;
};

[[nodiscard]] RolloutState fresh_rollout();

// Ticks until it is over or paused, or `limit` is; `hook` changes the world on the way. Every state is written down and
// read again, as another process would.
struct Run {
  RolloutState state;
  Duration took{};
};
[[nodiscard]] Run roll(World& world, RolloutState state, Duration limit,
                       const std::function<void(World&, const RolloutState&)>& hook = {});

}  // namespace mlctl::deploy::test
