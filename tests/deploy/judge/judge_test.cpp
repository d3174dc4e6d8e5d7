#include "deploy/judge/judge.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/bench/rollout_traffic.h"

using namespace mlctl;
using namespace mlctl::deploy;

namespace {

JudgeRules rules() {
  return {.metrics = {{"errors", 1.5, 0.001, {5, 3, 2}}}};
}

// `pods` pods of each arm with these rates.
JudgeBlock block(double stable_rate, double canary_rate, int canary_pods = 4, double requests = 1000) {
  JudgeBlock out;
  for (int i = 0; i < 4; ++i) out.stable.push_back({"s" + std::to_string(i), {{requests, requests * stable_rate}}});
  for (int i = 0; i < canary_pods; ++i)
    out.canary.push_back({"c" + std::to_string(i), {{requests, requests * canary_rate}}});
  return out;
}

Judge judge_after(int blocks, const JudgeBlock& each, JudgeRules with = rules()) {
  Judge judge(std::move(with));
  for (int i = 0; i < 10; ++i) judge.add_history(each.stable);
  judge.begin_step(0);
  for (int i = 0; i < blocks; ++i) judge.add(each);
  return judge;
}

}  // namespace

TEST_CASE("the judge says what was seen") {
  struct Case {
    const char* what;
    int blocks;
    JudgeBlock each;
    JudgeVerdict verdict;
  };
  auto bad_pod = block(0.005, 0.005);
  bad_pod.canary[2].metrics[0].events = 300;  // one node that fails, not a version
  auto unequal = block(0.005, 0.005);
  unequal.stable[0].metrics[0].events = unequal.stable[2].metrics[0].events = 100;
  for (const auto& c : std::vector<Case>{
           {"nothing yet", 0, {}, JudgeVerdict::undecided},
           {"one block of the same, with few errors", 1, block(0.005, 0.005, 4, 200), JudgeVerdict::undecided},
           {"the same for a while", 10, block(0.005, 0.005), JudgeVerdict::pass},
           {"no errors, few requests", 5, block(0, 0, 4, 100), JudgeVerdict::undecided},
           {"no errors in 2,400 requests", 6, block(0, 0, 4, 100), JudgeVerdict::pass},
           {"five times as many", 5, block(0.005, 0.025), JudgeVerdict::fail},
           {"five times as many, of one pod", 5, block(0.005, 0.025, 1), JudgeVerdict::undecided},
           {"one bad pod of four", 20, bad_pod, JudgeVerdict::undecided},
           {"more than a baseline without any, within the floor", 20, block(0, 0.0005), JudgeVerdict::pass},
           {"more than a baseline without any, above the floor", 20, block(0, 0.01), JudgeVerdict::fail},
           {"stable pods that differ as much", 10, unequal, JudgeVerdict::environment},
       }) {
    CAPTURE(c.what);
    auto with = rules();
    if (c.verdict == JudgeVerdict::environment) with.dispersion_blocks = 1000, with.unknown_dispersion = 1;
    CHECK(to_string(judge_after(c.blocks, c.each, with).judge().verdict) == std::string(to_string(c.verdict)));
  }
}

TEST_CASE("every metric has to pass, and one is enough to fail") {
  JudgeRules both{.metrics = {{"errors", 1.5, 0.001, {5}}, {"latency", 1.3, std::nullopt, {3}}}};
  const auto with = [&](double errors, double slow) {
    auto one = block(0.005, errors);
    for (auto& pod : one.stable) pod.metrics.push_back({1000, 50});
    for (auto& pod : one.canary) pod.metrics.push_back({1000, slow * 1000});
    return judge_after(10, one, both).judge();
  };
  CHECK(with(0.005, 0.05).verdict == JudgeVerdict::pass);
  CHECK(with(0.005, 0.25).verdict == JudgeVerdict::fail);
  CHECK(with(0.005, 0.25).reason.starts_with("latency: more than 1.3 times"));
  CHECK(with(0.025, 0.05).reason ==
        "errors: more than 1.5 times the stable arm's, certain at 0.5 %; 2.5 % of 40000 requests");
}

TEST_CASE("each step excludes a smaller ratio") {
  auto judge = judge_after(3, block(0.005, 0.005));
  CHECK(judge.judge().verdict == JudgeVerdict::pass);
  judge.begin_step(2);
  CHECK(judge.judge().verdict == JudgeVerdict::undecided);
  for (int i = 0; i < 10; ++i) judge.add(block(0.005, 0.005));
  CHECK(judge.judge().verdict == JudgeVerdict::pass);
  judge.begin_step(3);  // 100 %: nobody to compare with
  CHECK(judge.judge().verdict == JudgeVerdict::undecided);
}

TEST_CASE("what is good enough tightens with the steps, and is the floor at the last one") {
  struct Case {
    std::size_t step;
    int blocks;  // of 400 requests without an error
    JudgeVerdict verdict;
  };
  for (const auto& c : std::vector<Case>{{0, 5, JudgeVerdict::undecided},
                                         {0, 6, JudgeVerdict::pass},
                                         {1, 8, JudgeVerdict::undecided},
                                         {1, 10, JudgeVerdict::pass},
                                         {2, 31, JudgeVerdict::undecided},
                                         {2, 32, JudgeVerdict::pass}}) {
    CAPTURE(c.step);
    CAPTURE(c.blocks);
    Judge judge(rules());
    judge.begin_step(c.step);
    for (int i = 0; i < c.blocks; ++i) judge.add(block(0, 0, 4, 100));
    CHECK(to_string(judge.judge().verdict) == std::string(to_string(c.verdict)));
  }
}

TEST_CASE("what differs by itself counts for less") {
  Judge judge(rules());
  CHECK(judge.dispersion(0) == 3);
  auto calm = block(0.005, 0);
  for (int i = 0; i < 4; ++i) judge.add_history(calm.stable);
  CHECK(judge.dispersion(0) == 3);
  for (int i = 0; i < 40; ++i) judge.add_history(calm.stable);
  CHECK(judge.dispersion(0) == 1.3);
  auto bursts = block(0.005, 0);
  bursts.stable[0].metrics[0].events = 40;
  for (int i = 0; i < 40; ++i) judge.add_history(bursts.stable);
  CHECK(judge.dispersion(0) > 5);
}

TEST_CASE("whoever takes over judges as the one before would have") {
  auto judge = judge_after(2, block(0.005, 0.012));
  judge.begin_step(1);
  judge.add(block(0.005, 0.012, 3));
  const auto text = judge.state().dump();
  auto next = Judge::restored(rules(), nlohmann::json::parse(text));
  REQUIRE(next);
  CHECK(next->state().dump() == text);
  for (int i = 0; i < 6; ++i) {
    judge.add(block(0.004, 0.012));
    next->add(block(0.004, 0.012));
  }
  CHECK(next->state() == judge.state());
  CHECK(next->judge().reason == judge.judge().reason);
}

TEST_CASE("a state of other rules, or of nobody, is refused") {
  const auto good = nlohmann::json::parse(judge_after(2, block(0.005, 0.005)).state().dump());
  auto other = rules();
  other.metrics.push_back({"latency", 1.3, std::nullopt, {3}});
  CHECK(!Judge::restored(other, good));
  other = rules();
  other.metrics[0].name = "latency";
  CHECK(!Judge::restored(other, good));
  for (const char* at : {"/step", "/metrics/0/failWhole", "/metrics/0/failWhole/0", "/metrics/0/failWithout/c0",
                         "/metrics/0/events", "/metrics/0"}) {
    CAPTURE(at);
    for (const auto& value : {nlohmann::json(), nlohmann::json("x"), nlohmann::json(-1.5)}) {
      auto broken = good;
      broken[nlohmann::json::json_pointer(at)] = value;
      if (std::string(at) == "/metrics/0/failWhole/0" && value.is_number()) continue;  // any number is one
      CHECK(!Judge::restored(rules(), broken));
    }
  }
  CHECK(!Judge::restored(rules(), nlohmann::json::array()));
}

// The whole table is in docs/measurements/judge.md; this is the part of it that CI can afford.
TEST_CASE("over hundreds of made-up rollouts an equal version is not aborted, and one five times worse does not pass") {
  struct Case {
    const char* what;
    bench::Scenario traffic;
    bool equal;
  };
  for (const auto& c : std::vector<Case>{
           {"equal", {}, true},
           {"equal, bursts of 5", {.burst = 5}, true},
           {"equal, pods differ", {.pods_differ = 0.3}, true},
           {"equal, an outage", {.outage = 10}, true},
           {"five times", {.ratio = 5}, false},
           {"five times, bursts of 5", {.ratio = 5, .burst = 5}, false},
       }) {
    CAPTURE(c.what);
    int aborted = 0, passed = 0;
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
      bench::Traffic traffic(c.traffic, seed);
      Judge judge(rules());
      for (int minute = -60; minute < 0; ++minute) judge.add_history(traffic.block(minute, 0).stable);
      judge.begin_step(0);
      auto verdict = JudgeVerdict::undecided;
      for (int minute = 0; minute < 20 && verdict == JudgeVerdict::undecided; ++minute) {
        judge.add(traffic.block(minute, 0.05));
        verdict = judge.judge().verdict;
      }
      aborted += verdict == JudgeVerdict::fail ? 1 : 0;
      passed += verdict == JudgeVerdict::pass ? 1 : 0;
    }
    if (c.equal)
      CHECK(aborted <= 3);  // 1 % of 100, and two more by chance
    else
      CHECK(passed <= 10);  // 5 % of 100, and five more by chance
  }
}
