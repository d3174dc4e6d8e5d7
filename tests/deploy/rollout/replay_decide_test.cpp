// What replaying decides, and what it must not decide: whole rollouts in a made-up cluster.
#include <doctest/doctest.h>
#include <functional>
#include <string>
#include <vector>

#include "deploy/rollout/replay.h"
#include "tests/deploy/rollout/world.h"

using namespace mlctl;
using namespace mlctl::deploy;
using namespace mlctl::deploy::test;
using std::chrono::hours;

namespace {

std::string told(const RolloutState& state) {
  std::string out;
  for (const auto& event : state.events) out += event.what + "\n";
  return out;
}

}  // namespace

TEST_CASE("where people ask too little, replayed requests decide, and it is said") {
  struct Case {
    const char* what;
    std::function<void(World&)> prepare;
    const char* end;
    std::vector<std::string> says;
  };
  for (const auto& c : std::vector<Case>{
           {"an equal version without any traffic",
            [](World&) {},
            "promoted",
            {"5 % passed: ", "; replayed: ", "3 of 3 judged steps passed with replayed requests"}},
           {"an equal version that people ask once a second",
            [](World& w) { w.rate = 1; },
            "promoted",
            {"requests at the canary", "3 of 3 judged steps passed with replayed requests"}},
           {"one in ten replayed requests fails",
            [](World& w) { w.canary_replay_errors = 0.1; },
            "failed",
            {"aborted: errors: more than 1.5 times", "; replayed: "}},
           {"slower for one request in five",
            [](World& w) { w.canary_slow = 0.2; },
            "failed",
            {"aborted: latency above 250 ms"}},
           {"both fail at the same recorded requests",
            [](World& w) { w.stable_replay_errors = w.canary_replay_errors = 0.05; },
            "promoted",
            {"; replayed: "}},
           {"people's requests fail often in both, which stable has more of",
            [](World& w) {
              w.rate = 10;
              w.stable_errors = w.canary_errors = 0.2;
            },
            "promoted",
            {"; replayed: "}},
           {"people's failures at stable do not hide the canary's own",
            [](World& w) {
              w.rate = 10;
              w.stable_errors = w.canary_errors = 0.2;
              w.canary_replay_errors = 0.04;
            },
            "failed",
            {"aborted: errors: more than 1.5 times"}},
           {"the recorded requests fail often in both, which the canary has more of",
            [](World& w) {
              w.rate = 40;
              w.stable_errors = w.canary_errors = 0.001;
              w.stable_replay_errors = w.canary_replay_errors = 0.2;
            },
            "promoted",
            {"; replayed: "}},
           {"what is refused says nothing",
            [](World& w) { w.replay_status = 400; },
            "paused",
            {"v1.0.0 refuses ", "with 4xx"}},
           {"pods that do not count what they answer",
            [](World& w) { w.counts_replayed = false; },
            "paused",
            {"and do not count them as requests_total"}},
           {"nothing is delivered",
            [](World& w) { w.replay_status = 0; },
            "paused",
            {"low traffic: 0 requests in 12 min at the canary; replay: no route to host"}},
       }) {
    INFO(std::string(c.what));
    World world;
    world.rate = 0;
    c.prepare(world);
    auto state = fresh_rollout();
    state.plan.config.low_traffic = LowTraffic::replay;
    const auto run = roll(world, state, hours(3));
    const auto all = told(run.state);
    INFO(all, "verdict: ", run.state.verdict);
    CHECK((run.state.pause ? "paused" : to_string(run.state.phase)) == std::string(c.end));
    for (const auto& what : c.says) CHECK(all.find(what) != std::string::npos);
  }
}

TEST_CASE("where people ask enough nothing is replayed, and nobody says so") {
  World world;
  auto state = fresh_rollout();
  state.plan.config.low_traffic = LowTraffic::replay;
  state.replay.people = world.rate;  // as stable counted it before
  const auto run = roll(world, state, hours(3), [](World&, const RolloutState& now) {
    CHECK(now.replay.stable.answered + now.replay.canary.answered == 0);
  });
  CHECK(run.state.phase == Phase::promoted);
  CHECK(told(run.state).find("replayed") == std::string::npos);
}

TEST_CASE("other ways with little traffic replay nothing") {
  World world;
  world.rate = 0;
  const auto run = roll(world, fresh_rollout(), hours(3));
  REQUIRE(run.state.pause);
  CHECK(run.state.pause->reason == "low traffic: 0 requests in 12 min at the canary");
  CHECK(run.state.replay == ReplayState{});
}
