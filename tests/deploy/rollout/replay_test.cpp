#include "deploy/rollout/replay.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "tests/deploy/rollout/world.h"

using namespace mlctl;
using namespace mlctl::deploy;
using std::chrono::seconds;

namespace {

PodCounters asked(double requests, double errors) {
  return {requests, {RawCount{requests, requests - errors}}};
}

// Measuring, with so many pods in each arm that the open block counts.
RolloutState measuring(int stable, int canary) {
  auto state = test::fresh_rollout();
  state.plan.config.low_traffic = LowTraffic::replay;
  state.phase = Phase::measuring;
  state.heartbeat = state.measured = state.since + seconds(15);
  OpenBlock block{.from = state.since};
  for (int i = 0; i < stable; ++i) block.stable["s" + std::to_string(i)] = {0, {RawCount{}, RawCount{}}};
  for (int i = 0; i < canary; ++i) block.canary["c" + std::to_string(i)] = {0, {RawCount{}, RawCount{}}};
  block.last_stable = block.stable;
  block.last_canary = block.canary;
  state.block = block;
  return state;
}

}  // namespace

TEST_CASE("recorded requests are bounded, and what is left is from all of them") {
  struct Case {
    const char* what;
    std::size_t count, bytes;
    std::size_t kept;  // 0: refused
    const char* problem;
  };
  for (const auto& c : std::vector<Case>{{"few", 3, 100, 3, ""},
                                         {"more than 64", 1000, 100, 64, ""},
                                         {"more than 256 KiB", 64, 10'000, 26, ""},
                                         {"none", 0, 0, 0, "there are none"},
                                         {"one that is too large", 2, 300'000, 0, "larger than"}}) {
    INFO(std::string(c.what));
    std::vector<std::string> bodies;
    for (std::size_t i = 0; i < c.count; ++i) bodies.push_back(std::to_string(i) + std::string(c.bytes, ' '));
    const auto kept = bounded_bodies(bodies);
    REQUIRE(static_cast<bool>(kept) == (c.kept > 0));
    if (!kept) {
      CHECK(kept.error().kind == Error::Kind::usage);
      CHECK(kept.error().message.find(c.problem) != std::string::npos);
      continue;
    }
    CHECK(kept->size() == c.kept);
    CHECK(std::set<std::string>(kept->begin(), kept->end()).size() == c.kept);
    CHECK(kept->front() == bodies.front());
    CHECK(std::stoul(kept->back()) >= c.count - c.count / c.kept - 1);
  }
}

TEST_CASE("each pod of the canary is asked what a pod of stable is asked, as often as the rate says") {
  struct Case {
    const char* what;
    int stable, canary;
    double rate, people;
    std::vector<std::string> pods;
    std::size_t rounds;  // in 15 s
  };
  for (const auto& c : std::vector<Case>{
           {"as many of stable as of the canary", 4, 2, 40, 0, {"s0", "c0", "s1", "c1"}, 150},
           {"two of stable at least: they are compared with each other too", 4, 1, 30, 0, {"s0", "c0", "s1"}, 150},
           {"one of each where there is one", 1, 1, 10, 0, {"s0", "c0"}, 75},
           {"more of the canary than of stable", 1, 2, 30, 0, {"s0", "c0", "c1"}, 150},
           {"people's are filled up", 2, 2, 40, 30, {"s0", "c0", "s1", "c1"}, 37},
           {"people ask enough", 2, 2, 40, 40, {}, 0},
           {"no pod of the canary", 2, 0, 40, 0, {}, 0}}) {
    INFO(std::string(c.what));
    auto state = measuring(c.stable, c.canary);
    state.plan.config.replay_rate = c.rate;
    state.replay.people = c.people;
    const auto batch = begin_replay(state);
    CHECK(batch.pods == c.pods);
    CHECK(batch.rounds == c.rounds);
    CHECK(state.replay.open == !batch.empty());
    if (!batch.empty()) CHECK(batch.window == seconds(15));
  }
}

TEST_CASE("a round that a window has no time for is owed to the next one") {
  auto state = measuring(20, 20);
  state.plan.config.replay_rate = 1;
  std::size_t rounds = 0;
  for (int i = 0; i < 8; ++i) rounds += begin_replay(state).rounds;
  CHECK(rounds == 3);  // two minutes at 1/s are three for each of forty pods
}

TEST_CASE("nothing is sent but while a step is measured and its pods have just been seen") {
  struct Case {
    const char* what;
    std::function<void(RolloutState&)> change;
  };
  for (const auto& c : std::vector<Case>{
           {"pods for the next weight are started", [](RolloutState& s) { s.phase = Phase::preparing; }},
           {"the route is not followed yet", [](RolloutState& s) { s.phase = Phase::shifting; }},
           {"it is aborted", [](RolloutState& s) { s.phase = Phase::aborting; }},
           {"it is promoted", [](RolloutState& s) { s.phase = Phase::looking; }},
           {"it is paused", [](RolloutState& s) { s.pause = Pause{"ada", "lunch", s.since}; }},
           {"no block is open", [](RolloutState& s) { s.block.reset(); }},
           {"nothing could be scraped", [](RolloutState& s) { s.heartbeat += seconds(15); }},
           {"it is not asked for", [](RolloutState& s) { s.plan.config.low_traffic = LowTraffic::pause; }},
       }) {
    INFO(std::string(c.what));
    auto state = measuring(2, 2);
    CHECK_FALSE(begin_replay(state).empty());
    state.replay.open = false;
    c.change(state);
    CHECK(begin_replay(state).empty());
    CHECK_FALSE(state.replay.open);
  }
}

TEST_CASE("people's traffic is what the pods counted without what they were asked by us") {
  auto state = measuring(1, 1);
  state.block->scrapes = 1;
  state.block->last_stable["s0"].requests = 100;
  state.block->last_canary["c0"].requests = 50;
  state.block->replayed = {{"s0", asked(60, 0)}, {"c0", asked(45, 0)}};
  static_cast<void>(begin_replay(state));
  CHECK(state.replay.people == 3);  // (40 + 5) in 15 s
}

TEST_CASE("a batch that nobody knows the end of is not judged") {
  auto state = measuring(2, 2);
  static_cast<void>(begin_replay(state));
  const auto after = parse_rollout(to_json(state));
  REQUIRE(after);
  CHECK(after->replay.open);
  auto taken_over = *after;
  close_replay(taken_over);
  CHECK_FALSE(taken_over.block);
  CHECK_FALSE(taken_over.replay.open);
  auto known = *after;
  known.replay.open = false;
  close_replay(known);
  CHECK(known.block);
}

TEST_CASE("a block is judged in two parts: what people asked, and what was replayed") {
  // 100 requests of people with 10 errors and 200 replayed with 4, of which 30 took long; another pod was not asked.
  const JudgeBlock whole{
      {{"s0", {{300, 14}, {300, 30}}}, {"s1", {{100, 10}, {100, 5}}}}, {{"c0", {{210, 6}, {210, 20}}}}, {true, true}};
  const auto parts = parted(whole, {{"s0", asked(200, 4)}, {"c0", asked(200, 5)}});
  REQUIRE(parts.size() == 2);
  CHECK(parts[0].stable[0].metrics == std::vector<ArmCounts>{{100, 10}, {0, 0}});
  CHECK(parts[0].stable[1].metrics == std::vector<ArmCounts>{{100, 10}, {100, 5}});
  CHECK(parts[0].canary[0].metrics == std::vector<ArmCounts>{{10, 1}, {0, 0}});
  REQUIRE(parts[1].stable.size() == 1);
  CHECK(parts[1].stable[0].metrics.front() == ArmCounts{200, 4});
  CHECK(parts[1].canary[0].metrics.front() == ArmCounts{200, 5});
  // 67 % and 95 % of it were replayed: their latency is that of other requests.
  CHECK(parts[1].comparable == std::vector<bool>{true, false});
  CHECK(parts[1].canary[0].metrics[1] == ArmCounts{0, 0});
  // Where the mixture is the same, it is compared.
  const auto alike = parted({{{"s0", {{200, 0}, {200, 30}}}}, {{"c0", {{210, 6}, {210, 20}}}}, {true, true}},
                            {{"s0", asked(200, 0)}, {"c0", asked(200, 5)}});
  CHECK(alike[1].comparable == std::vector<bool>{true, true});
  CHECK(alike[1].canary[0].metrics[1] == ArmCounts{210, 20});
  CHECK(parted(whole, {}).size() == 1);
}

TEST_CASE("a pod's own counters count, whatever was seen of its answers") {
  const auto parts =
      parted({{{"s0", {{10, 0}}}}, {{"c0", {{10, 1}}}}, {true}}, {{"s0", asked(20, 0)}, {"c0", asked(20, 9)}});
  CHECK(parts[1].canary[0].metrics.front() == ArmCounts{10, 1});
  CHECK(parts[0].canary[0].metrics.front() == ArmCounts{0, 0});
}

TEST_CASE("what is to be expected of a step with replayed requests") {
  auto plan = test::fresh_rollout().plan;
  plan.config.replay_rate = 40;
  CHECK(expected_traffic(plan, 0, 10).rate == 10);  // nothing is replayed
  plan.config.low_traffic = LowTraffic::replay;
  CHECK(expected_traffic(plan, 0, 0).rate == 40);
  CHECK(expected_traffic(plan, 0, 0).share == doctest::Approx(0.5));  // two pods beside two
  CHECK(expected_traffic(plan, 0, 20).share == doctest::Approx(0.275));
  CHECK(expected_traffic(plan, 0, 100).rate == 100);
  CHECK(expected_traffic(plan, 0, 100).share == doctest::Approx(0.05));
}

TEST_CASE("what is remembered of replaying, edited into nonsense, is nothing") {
  auto state = measuring(2, 2);
  state.replay = {{10, 1}, {9, 0}, 2, 0.5, 0.25, 7, 2, true, "refused"};
  const auto again = parse_rollout(to_json(state));
  REQUIRE(again);
  CHECK(again->replay == state.replay);
  CHECK(replay_from(nlohmann::ordered_json::parse(
            R"({"stable": {"answered": -1}, "next": 1e300, "people": "many"})")) == ReplayState{});
  auto edited = to_json(state);
  edited["plan"]["replayRate"] = 1e9;
  edited["plan"]["inferPort"] = -1;
  CHECK(parse_rollout(edited)->plan.config.replay_rate == most_replay_rate);
  CHECK(parse_rollout(edited)->plan.infer_port == 0);
}
