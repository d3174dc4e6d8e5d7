#include "deploy/rollout/config.h"

#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "deploy/config.h"
#include "tests/deploy/support.h"

using namespace mlctl;
using namespace mlctl::deploy;

TEST_CASE("a rollout that nobody describes goes 5, 25, 50, 100 %") {
  const auto config = decode_rollout(test::model());
  REQUIRE(config);
  REQUIRE(config->steps.size() == 4);
  CHECK(config->steps[0] == RolloutStep{0.05, std::chrono::minutes(5), 500});
  CHECK(config->steps[2] == RolloutStep{0.5, std::chrono::minutes(10), 0});
  CHECK(config->steps[3].weight == 1);
  CHECK(config->errors.ratios == std::vector<double>{5, 3, 2});
  CHECK(config->errors.floor == 0.001);
  CHECK(config->latency.worse == 1.3);
  CHECK(config->block == std::chrono::seconds(60));
  CHECK(config->look_around == std::chrono::minutes(5));
  CHECK(config->low_traffic == LowTraffic::pause);
  CHECK_FALSE(config->abort_when_undecided);
}

TEST_CASE("a rollout is read as it is written, and its last ratio holds for every further step") {
  const auto config = decode_rollout(test::model(R"(
rollout:
  steps: [{weight: 1%, for: 1m}, {weight: 10%}, {weight: 30%}, {weight: 60%}, {weight: 100%}]
  judge: {block: 90s, errors: {floor: 1%, worse: 2, ratio: [4, 2]}, latency: {floor: 5%}}
  inconclusive: {extend: 3m, then: abort}
  low_traffic: time
  look_around: 30s
)"));
  REQUIRE(config);
  CHECK(config->errors.ratios == std::vector<double>{4, 2, 2, 2});
  CHECK(config->latency.ratios.size() == 4);
  CHECK(config->errors.floor == 0.01);
  CHECK(config->latency.floor == 0.05);
  CHECK(config->block == std::chrono::seconds(90));
  CHECK(config->extend == std::chrono::minutes(3));
  CHECK(config->abort_when_undecided);
  CHECK(config->low_traffic == LowTraffic::time);
}

TEST_CASE("metrics of the user's own") {
  const auto config = decode_rollout(test::model(R"(
rollout:
  steps: [{weight: 10%}, {weight: 50%}, {weight: 100%}]
  judge:
    metrics:
      - {name: declined, good: 'ok_total', total: 'all_total', floor: 2%, ratio: [4]}
      - {name: late, good: 'soon_total', total: 'all_total', worse: 1.2}
)"));
  REQUIRE(config);
  REQUIRE(config->metrics.size() == 2);
  CHECK(config->metrics[0] == UserMetric{{"declined", 1.5, 0.02, {4, 4}}, "ok_total", "all_total"});
  CHECK(config->metrics[1] == UserMetric{{"late", 1.2, std::nullopt, {5, 3}}, "soon_total", "all_total"});
}

TEST_CASE("recorded requests are replayed at a rate of one's own, or 50/s") {
  const auto config = decode_rollout(test::model("rollout: {low_traffic: replay}\n"));
  REQUIRE(config);
  CHECK(config->low_traffic == LowTraffic::replay);
  CHECK(config->replay_rate == 50);
  CHECK(decode_rollout(test::model("rollout: {low_traffic: replay, replay: {rate: 10/s}}\n"))->replay_rate == 10);
}

TEST_CASE("what is no rollout") {
  struct Case {
    const char* yaml;
    const char* problem;
  };
  for (const auto& c : std::vector<Case>{
           {"steps: []", "rollout.steps is empty"},
           {"steps: [{weight: 50%}]", "the last step of a rollout is 100%"},
           {"steps: [{weight: 50%}, {weight: 20%}, {weight: 100%}]", "more weight than the one before"},
           {"steps: [{weight: 50%, minRequests: -1}, {weight: 100%}]", "minRequests is below 0"},
           {"judge: {errors: {worse: 0.5}}", "an equal version would fail"},
           {"judge: {errors: {worse: 1e308}}", "nothing would fail"},
           {"judge: {errors: {ratio: [5, 1]}}", "every one is 1.1 to 1000"},
           {"judge: {errors: {ratio: [1.0000000001]}}", "every one is 1.1 to 1000"},
           {"judge: {errors: {ratio: [2, 3, 5]}}", "it loosens"},
           {"judge: {errors: {ratio: [1e308]}}", "every one is 1.1 to 1000"},
           {"steps: [{weight: 0.000001%}, {weight: 100%}]", "0.1% at least"},
           {"judge: {latency: {ratio: []}}", "latency.ratio is empty"},
           {"judge: {errors: {floor: 0%}}", "floor: above 0%"},
           {"judge: {block: 1s}", "at least 4s"},
           {"judge: {metrics: [{name: a, good: g, total: t}, {name: a, good: g, total: t}]}", "has 'a' already"},
           {"judge: {metrics: [{name: errors, good: g, total: t}]}", "has 'errors' already"},
           {"judge: {metrics: [{name: a, good: g, total: t, worse: 0.9}]}", "an equal version would fail"},
           {"low_traffic: replay, replay: {rate: 1000/s}", "1/s to 100/s"},
           {"low_traffic: replay, replay: {rate: 0.5/s}", "1/s to 100/s"},
       }) {
    INFO(std::string(c.yaml));
    const auto config = decode_rollout(test::model(std::string("rollout: {") + c.yaml + "}\n"));
    REQUIRE_FALSE(config);
    CHECK(config.error().kind == Error::Kind::usage);
    CHECK(config.error().message.find(c.problem) != std::string::npos);
  }
}
