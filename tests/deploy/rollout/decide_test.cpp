#include "deploy/rollout/decide.h"

#include <doctest/doctest.h>
#include <functional>
#include <string>
#include <vector>

#include "deploy/rollout/ask.h"
#include "deploy/rollout/gateway.h"
#include "tests/deploy/rollout/world.h"

using namespace mlctl;
using namespace mlctl::deploy;
using namespace mlctl::deploy::test;
using std::chrono::hours;
using std::chrono::minutes;

namespace {

bool says(const RolloutState& state, const std::string& what) {
  for (const auto& event : state.events)
    if (event.what.find(what) != std::string::npos) return true;
  return false;
}

void with_metric(World&, RolloutState& state) {
  state.plan.config.metrics = {{{"declined", 1.5, std::nullopt, {5, 3, 2}}, "good", "total"}};
}

void with_gateway(World&, RolloutState& state) {
  state.plan.gateway = *find_gateway("traefik");
}

}  // namespace

TEST_CASE("a rollout ends as what is seen says") {
  struct Case {
    const char* what;
    std::function<void(World&, RolloutState&)> prepare;
    const char* end;      // phase, or "paused"
    std::string because;  // in what happened
    std::function<void(World&, const RolloutState&)> on_the_way = {};
  };
  const auto nothing = [](World&, RolloutState&) {};
  for (const auto& c : std::vector<Case>{
           {"an equal version is promoted", nothing, "promoted", "promoted: v1.1.0 serves"},
           {"six times the errors", [](World& w, RolloutState&) { w.canary_errors = 0.03; }, "failed",
            "aborted: errors: more than 1.5 times"},
           {"pods that are ready and answer 500", [](World& w, RolloutState&) { w.canary_errors = 1; }, "failed",
            "aborted: errors"},
           {"slower for one request in five", [](World& w, RolloutState&) { w.canary_slow = 0.2; }, "failed",
            "aborted: latency above 250 ms"},
           {"a pod that ends in error", nothing, "failed", "ended: credit-risk-b-1: OOMKilled",
            [](World& w, const RolloutState& s) { w.canary_crashes = s.step == 1 ? 1 : 0; }},
           {"pods of both versions that end in error", nothing, "paused", "pods of both versions end in error",
            [](World& w, const RolloutState& s) { w.canary_crashes = w.stable_crashes = s.step == 1 ? 1 : 0; }},
           {"a stable pod that ended long before one of the canary's says nothing of it", nothing, "failed",
            "aborted: a pod of the canary ended",
            [](World& w, const RolloutState& s) {
              if (s.phase == Phase::measuring) w.stable_crashes = 1;
              if (s.step >= 2) w.canary_crashes = 1;
            }},
           {"stable pods that ended before it began", [](World& w, RolloutState&) { w.stable_crashes = 3; }, "promoted",
            "promoted"},
           {"a canary without capacity",
            [](World& w, RolloutState&) {
              w.canary_ready = 1;
              w.trouble = {PodTrouble::Kind::unschedulable, "unschedulable: 0/3 nodes: 3 Insufficient nvidia.com/gpu"};
            },
            "failed", "1 of 2 pods of the canary ready after 10 min: unschedulable"},
           {"an image that is not there",
            [](World& w, RolloutState&) {
              w.canary_ready = 0;
              w.trouble = {PodTrouble::Kind::image, "image: not found"};
            },
            "failed", "ready after 2 min: image: not found"},
           {"a person's weights", nothing, "paused", "taken over: the HTTPRoute gives the canary 40 %, and not",
            [](World& w, const RolloutState& s) { w.foreign = s.step == 1 ? 0.4 : -1; }},
           {"a gateway that accepts the route and does not follow it",
            [](World& w, RolloutState&) { w.follows = false; }, "paused", "does not follow the route: 0 % of"},
           {"a gateway that refuses the route",
            [](World& w, RolloutState&) {
              w.observed = false;
              w.gateway_says = "ResolvedRefs: BackendNotFound: no such Service";
            },
            "paused", "the gateway says: ResolvedRefs: BackendNotFound"},
           {"a gateway that says nothing, and does", [](World& w, RolloutState&) { w.observed = false; }, "promoted",
            "unproven: the gateway does not say"},
           {"no traffic", [](World& w, RolloutState&) { w.rate = 0; }, "paused", "low traffic: 0 requests in 12 min"},
           {"no traffic, where time is enough",
            [](World& w, RolloutState& s) {
              w.rate = 0;
              s.plan.config.low_traffic = LowTraffic::time;
            },
            "promoted", "5 % skipped: errors, latency above 250 ms (low_traffic: time): 0 requests"},
           {"traffic that does not decide",
            [](World& w, RolloutState& s) {
              w.rate = 10;
              s.plan.config.errors.floor = 0.0001;
              w.stable_errors = w.canary_errors = 0.0005;
            },
            "paused", "inconclusive after 12 min"},
           {"the same, where that aborts",
            [](World& w, RolloutState& s) {
              w.rate = 10;
              s.plan.config.errors.floor = 0.0001;
              w.stable_errors = w.canary_errors = 0.0005;
              s.plan.config.abort_when_undecided = true;
            },
            "failed", "aborted: inconclusive after 12 min"},
           {"nobody who counts", nothing, "paused", "nothing can be measured: Prometheus monitoring/prometheus",
            [](World& w, const RolloutState& s) { w.blind = s.step == 1; }},
           {"an equal version by a metric of the user's own", with_metric, "promoted", "promoted"},
           {"three times as bad by it, and by nothing else",
            [](World& w, RolloutState& s) {
              with_metric(w, s);
              w.canary_declined = 0.06;
            },
            "failed", "aborted: declined: more than 1.5 times"},
           {"a metric that nobody can read is no pass",
            [](World& w, RolloutState& s) {
              with_metric(w, s);
              w.unseen = true;
            },
            "paused", "declined: not enough was seen to decide; not read: metric declined: no answer"},
           {"a metric that cannot be read for a while", with_metric, "promoted", "promoted",
            [](World& w, const RolloutState& s) { w.unseen = s.step == 1 && s.blocks < 2; }},
           {"errors abort while another metric cannot be read",
            [](World& w, RolloutState& s) {
              with_metric(w, s);
              w.unseen = true;
              w.canary_errors = 0.03;
            },
            "failed", "aborted: errors"},
           {"a gateway that answers for both", with_gateway, "promoted", "promoted"},
           {"502 for the canary alone",
            [](World& w, RolloutState& s) {
              with_gateway(w, s);
              w.canary_lost = 0.01;
            },
            "failed", "aborted: the gateway answered 502, 503 or 504 to"},
           {"502 for both alike, which stable has had before",
            [](World& w, RolloutState& s) {
              with_gateway(w, s);
              s.plan.gateway_failed_before = true;
              w.stable_lost = 0.02;
              w.canary_lost = 0.005;
            },
            "promoted", "promoted",
            [](World& w, const RolloutState& s) {
              w.canary_lost = 0.02 * s.weight;
              w.stable_lost = 0.02 * (1 - s.weight);
            }},
           {"502 for both, and far more for the canary",
            [](World& w, RolloutState& s) {
              with_gateway(w, s);
              s.plan.gateway_failed_before = true;
              w.stable_lost = 0.01;
              w.canary_lost = 1;
            },
            "failed", "aborted: the gateway answered"},
           {"a gateway that restarts forgets, and that is no failure", with_gateway, "promoted", "promoted",
            [](World& w, const RolloutState& s) { w.gateway_restarts = s.step == 1; }},
           {"latency that cannot be compared: twelve pods share what two would",
            [](World&, RolloutState& s) { s.replicas = 12; }, "paused",
            "a pod of stable has 3 times the requests of one of the canary, so that latency is not comparable"},
           {"counters that begin anew all the time", nothing, "promoted", "promoted",
            [](World& w, const RolloutState& s) { w.resets = s.step == 1 && s.blocks == 0; }},
       }) {
    INFO(std::string(c.what));
    World world;
    auto state = fresh_rollout();
    c.prepare(world, state);
    const auto run = roll(world, state, hours(3), c.on_the_way);
    INFO("reason: ", run.state.reason, "; verdict: ", run.state.verdict, "; took ", human_duration(run.took));
    CHECK((run.state.pause ? "paused" : to_string(run.state.phase)) == std::string(c.end));
    CHECK(says(run.state, c.because));
    if (std::string(c.end) == "failed") CHECK(run.state.weight == 0);
    if (std::string(c.end) == "promoted") CHECK(run.state.weight == 1);
  }
}

TEST_CASE("weight is never ahead of ready pods") {
  World world;
  world.canary_ready = 3;
  const auto run = roll(world, fresh_rollout(), hours(3),
                        [](World&, const RolloutState& state) { CHECK(replicas_for(state.weight, 4) <= 3); });
  CHECK(run.state.phase == Phase::failed);  // 100 % needs four
  CHECK(says(run.state, "3 of 4 pods of the canary ready"));
}

TEST_CASE("the canary has its share of the pods, and two where the whole has two") {
  CHECK(replicas_for(0.05, 1) == 1);
  CHECK(replicas_for(0.05, 4) == 2);
  CHECK(replicas_for(0.5, 4) == 2);
  CHECK(replicas_for(0.51, 4) == 3);
  CHECK(replicas_for(1, 4) == 4);
  CHECK(replicas_for(0.05, 100) == 5);
}

TEST_CASE("a silent driver changes nothing: whoever looks next goes on from the same grid") {
  World world;
  auto state = fresh_rollout();
  const auto run = roll(world, state, hours(3));
  World slow_world;
  bool slept = false;
  const auto late = roll(slow_world, state, hours(3), [&](World& w, const RolloutState& now) {
    if (slept || now.step != 1 || !now.block) return;
    slept = true;  // nobody looks for ten minutes
    static_cast<void>(w.look(now, now.block->from + minutes(10)));
  });
  CHECK(slept);
  CHECK(run.state.phase == Phase::promoted);
  CHECK(late.state.phase == Phase::promoted);
}

TEST_CASE("what people ask for") {
  const WallTime now = std::chrono::sys_days(std::chrono::year(2026) / 11 / 24);
  auto state = fresh_rollout();
  ask_pause(state, "ada", "lunch", now);
  World world;
  CHECK(decide(state, world.look(state, now)).phase == Phase::preparing);  // nothing goes on
  ask_resume(state, "ada", now);
  CHECK_FALSE(state.pause);
  CHECK(state.since == now);
  ask_promote(state, "ada", now);
  const auto run = roll(world, state, minutes(20));
  CHECK(run.state.phase == Phase::promoted);
  ask_abort(state, "eve", "", now);
  CHECK(state.weight == 0);
  CHECK(state.phase == Phase::aborting);
  CHECK(state.reason == "by eve");
}

TEST_CASE("an abort after the promotion goes back too") {
  World world;
  const auto run = roll(world, fresh_rollout(), hours(3), [](World& w, const RolloutState& state) {
    w.canary_crashes = state.phase == Phase::looking ? 1 : 0;
  });
  CHECK(run.state.phase == Phase::failed);
  CHECK(says(run.state, "promoted"));
  CHECK(run.state.weight == 0);
}
