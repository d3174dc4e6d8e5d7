#include "validate/judge.h"

#include <cmath>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "tests/validate/simulated_load.h"
#include "validate/statistics.h"

using namespace mlctl;
using namespace mlctl::validate;
using namespace std::chrono_literals;

namespace {

const Quantile& p(const char* name) {
  return *find_quantile(name);
}

GateConfig config_of(std::vector<LatencyLimit> limits, std::vector<LatencySlower> slower) {
  GateConfig config;
  config.load = LoadConfig{.rate = 60, .duration = 60s, .arrivals = Arrivals::poisson, .warmup = 2s, .connections = 16};
  config.limits = std::move(limits);
  config.slower = std::move(slower);
  return config;
}

const Check& check_named(const LoadJudgement& judgement, const std::string& name) {
  for (const auto& check : judgement.checks) {
    if (check.name == name) return check;
  }
  FAIL("no check ", name);
  return judgement.checks.front();
}

}  // namespace

TEST_CASE("latency against the baseline is three-valued") {
  struct Case {
    const char* name;
    double true_ratio, share;
    Verdict verdict;
  };
  const auto load = *config_of({}, {}).load;
  const auto schedule = make_schedule(load, true, 5);
  for (const auto& c : std::vector<Case>{
           {"as fast", 1.0, 0.2, Verdict::pass},
           {"half as fast again", 1.5, 0.2, Verdict::fail},
           {"as much slower as is accepted", 1.2, 0.2, Verdict::inconclusive},
           {"faster", 0.7, 0.01, Verdict::pass},
       }) {
    CAPTURE(c.name);
    const auto result = simulated_load(schedule, c.true_ratio, 17);
    const auto judgement = judge_load(config_of({}, {{p("p50"), c.share}}), schedule, result, true, 99);
    const auto& check = check_named(judgement, "latency.slower.p50");
    CHECK_MESSAGE(check.verdict == c.verdict, check.reason);
    CHECK(check.metrics.front().samples > 3000);
    REQUIRE(check.metrics.front().limit);
    CHECK(*check.metrics.front().limit == doctest::Approx(1 + c.share));
    if (c.verdict == Verdict::inconclusive)
      CHECK(check.reason.find("; the interval does not decide; ") != std::string::npos);
  }
}

TEST_CASE("latency against a limit is three-valued") {
  struct Case {
    const char* name;
    Duration limit;
    Verdict verdict;
  };
  auto config = config_of({}, {});
  const auto schedule = make_schedule(*config.load, false, 5);
  const auto result = simulated_load(schedule, 1.0, 17);
  for (const auto& c : std::vector<Case>{{"far above", 100ms, Verdict::pass},
                                         {"far below", 5ms, Verdict::fail},
                                         {"at it", 10ms, Verdict::inconclusive}}) {
    CAPTURE(c.name);
    config.limits = {{p("p50"), c.limit}};
    const auto judgement = judge_load(config, schedule, result, false, 99);
    CHECK_MESSAGE(check_named(judgement, "latency.limit.p50").verdict == c.verdict,
                  check_named(judgement, "latency.limit.p50").reason);
  }
}

TEST_CASE("without a baseline, slower is skipped for the one accepted reason") {
  auto config = config_of({}, {{p("p50"), 0.1}});
  const auto schedule = make_schedule(*config.load, false, 5);
  const auto judgement = judge_load(config, schedule, simulated_load(schedule, 1.0, 1), false, 1);
  const auto& check = check_named(judgement, "latency.slower.p50");
  CHECK(check.verdict == Verdict::skipped);
  CHECK(check.reason == first_version);
  CHECK(judgement.distributions.size() == 1);
}

TEST_CASE("a saturated client makes the gate inconclusive, not the model slow") {
  auto config = config_of({{p("p99"), 50ms}}, {{p("p50"), 0.1}});
  const auto schedule = make_schedule(*config.load, true, 5);
  auto result = simulated_load(schedule, 1.5, 1);
  SUBCASE("by its processor") {
    result.client_cpu = result.elapsed * 9 / 10;
  }
  SUBCASE("by late sends") {
    for (std::size_t i = 0; i < result.samples.size(); i += 10) result.samples[i].late = 20ms;
  }
  const auto judgement = judge_load(config, schedule, result, true, 1);
  for (const auto* name : {"latency.limit.p99", "latency.slower.p50"}) {
    const auto& check = check_named(judgement, name);
    CHECK(check.verdict == Verdict::inconclusive);
    CHECK_MESSAGE(check.reason.find("could not keep") != std::string::npos, check.reason);
  }
}

TEST_CASE("late sends add to latency: a limit that is kept all the same is kept") {
  auto config = config_of({{p("p99"), 5s}}, {});
  const auto schedule = make_schedule(*config.load, true, 5);
  auto result = simulated_load(schedule, 1.0, 1);
  for (std::size_t i = 0; i < result.samples.size(); i += 10) result.samples[i].late = 20ms;
  CHECK(check_named(judge_load(config, schedule, result, true, 1), "latency.limit.p99").verdict == Verdict::pass);
  result.client_cpu = result.elapsed;  // then less may have been sent than was meant
  CHECK(check_named(judge_load(config, schedule, result, true, 1), "latency.limit.p99").verdict ==
        Verdict::inconclusive);
}

TEST_CASE("a few late sends spoil a tail, not the median") {
  auto config = config_of({{p("p99"), 10ms}}, {{p("p50"), 0.3}});
  const auto schedule = make_schedule(*config.load, true, 5);
  auto result = simulated_load(schedule, 1.0, 1);
  for (std::size_t i = 0; i < result.samples.size(); i += 50) result.samples[i].late = 20ms;
  const auto judgement = judge_load(config, schedule, result, true, 1);
  CHECK(check_named(judgement, "latency.limit.p99").verdict == Verdict::inconclusive);
  CHECK(check_named(judgement, "latency.slower.p50").verdict == Verdict::pass);
}

TEST_CASE("late sends do not fail a tail that they may have made") {
  struct Case {
    const char* name;
    const char* quantile;
    std::size_t one_in;  // sent late, and slow for it
    Verdict verdict;
  };
  auto config = config_of({}, {});
  config.load->duration = 300s;
  const auto schedule = make_schedule(*config.load, false, 5);
  for (const auto& c : std::vector<Case>{
           {"a late request in 250 is most of what lies beyond p99.9", "p99.9", 250, Verdict::inconclusive},
           {"and half of what lies beyond p99", "p99", 250, Verdict::inconclusive},
           {"a late request in 5,000 is nothing to p99", "p99", 5000, Verdict::fail},
           {"and a late request in 150 is nothing to p90", "p90", 150, Verdict::fail},
       }) {
    CAPTURE(c.name);
    auto result = simulated_load(schedule, 1.0, 17);
    for (std::size_t i = 0; i < result.samples.size(); ++i) {
      const bool late = i % c.one_in == 0;
      result.samples[i].late = late ? 900ms : 0ms;
      if (late) result.samples[i].latency += 900ms;
    }
    // All quantiles lie far above 5 ms; the client's share in that is what differs.
    config.limits = {{p(c.quantile), 5ms}};
    const auto judgement = judge_load(config, schedule, result, false, 99);
    const auto& check = check_named(judgement, std::string("latency.limit.") + c.quantile);
    CHECK_MESSAGE(check.verdict == c.verdict, check.reason);
    CHECK((check.reason.find("could not keep") != std::string::npos) == (c.verdict == Verdict::inconclusive));
  }
}

TEST_CASE("late sends do not make a candidate slower than its baseline at a thin tail") {
  auto config = config_of({}, {{p("p99"), 0.2}});
  config.load->duration = 600s;
  const auto schedule = make_schedule(*config.load, true, 5);
  auto result = simulated_load(schedule, 3.0, 17);
  CHECK(check_named(judge_load(config, schedule, result, true, 1), "latency.slower.p99").verdict == Verdict::fail);
  for (std::size_t i = 0; i < result.samples.size(); i += 200) result.samples[i].late = 20ms;
  const auto check = check_named(judge_load(config, schedule, result, true, 1), "latency.slower.p99");
  CHECK(check.verdict == Verdict::inconclusive);
  CHECK_MESSAGE(check.reason.find("could not keep") != std::string::npos, check.reason);
}

TEST_CASE("errors: few pass, many fail, and a death fails whatever the share") {
  auto config = config_of({}, {});
  const auto schedule = make_schedule(*config.load, true, 5);
  auto result = simulated_load(schedule, 1.0, 1);
  CHECK(check_named(judge_load(config, schedule, result, true, 1), "errors").verdict == Verdict::pass);

  auto failing = result;
  for (std::size_t i = 0; i < failing.samples.size(); i += 20) failing.samples[i].outcome = Outcome::nonsense;
  failing.first_failure[0] = "the shape wants 2 values";
  const auto errors = check_named(judge_load(config, schedule, failing, true, 1), "errors");
  CHECK(errors.verdict == Verdict::fail);
  CHECK(errors.reason.find("the shape wants 2 values") != std::string::npos);

  auto dead = result;
  dead.stopped = LoadResult::Stop{.arm = Arm::candidate, .error = {Error::Kind::denied, "it ended by signal 9", ""}};
  for (std::size_t i = 100; i < dead.samples.size(); ++i) dead.samples[i].outcome = Outcome::unsent;
  config.slower = {{p("p50"), 0.1}};
  const auto judgement = judge_load(config, schedule, dead, true, 1);
  CHECK(check_named(judgement, "errors").verdict == Verdict::fail);
  CHECK(check_named(judgement, "errors").reason.find("signal 9") != std::string::npos);
  CHECK(check_named(judgement, "latency.slower.p50").verdict == Verdict::inconclusive);

  dead.stopped->arm = Arm::baseline;
  CHECK(check_named(judge_load(config, schedule, dead, true, 1), "errors").verdict == Verdict::error);
}

TEST_CASE("a failed request counts as infinitely slow") {
  auto config = config_of({{p("p95"), 1s}}, {});
  const auto schedule = make_schedule(*config.load, false, 5);
  auto result = simulated_load(schedule, 1.0, 1);
  for (std::size_t i = 0; i < result.samples.size(); i += 10) result.samples[i].outcome = Outcome::timeout;
  CHECK(check_named(judge_load(config, schedule, result, false, 1), "latency.limit.p95").verdict == Verdict::fail);
}

TEST_CASE("the judge's error rates, simulated on a machine as noisy as two shared cores") {
  constexpr std::uint64_t seed = 4711;
  constexpr int runs = 20;
  auto config = config_of({}, {{p("p50"), 0.1}});
  Random random(seed);
  const auto rates = [&](double true_ratio) {
    std::array<int, 5> counts{};
    for (int run = 0; run < runs; ++run) {
      const auto schedule = make_schedule(*config.load, true, random.next());
      const auto result = simulated_load(schedule, true_ratio, random.next());
      const auto judgement = judge_load(config, schedule, result, true, random.next());
      ++counts[static_cast<std::size_t>(check_named(judgement, "latency.slower.p50").verdict)];
    }
    return counts;
  };
  const auto same = rates(1.0);
  const auto slower = rates(1.2);
  MESSAGE("seed " << seed << ", of " << runs << " identical: " << same[0] << " pass, " << same[1] << " fail, "
                  << same[2] << " inconclusive; 20 % slower: " << slower[0] << " pass, " << slower[1] << " fail, "
                  << slower[2] << " inconclusive");
  CHECK(same[1] == 0);
  CHECK(same[0] >= runs * 0.7);
  CHECK(slower[0] == 0);
  CHECK(slower[1] >= runs * 0.5);
}

TEST_CASE("where nothing was sent no number is shown") {
  const auto config = config_of({{p("p50"), 100ms}}, {{p("p50"), 0.1}});
  const auto schedule = make_schedule(*config.load, true, 5);
  LoadResult result;
  result.samples.resize(schedule.requests.size());
  for (auto& sample : result.samples) sample.outcome = Outcome::unsent;
  result.stopped =
      LoadResult::Stop{.arm = Arm::candidate, .error = {Error::Kind::denied, "it ended with exit code 1", ""}};
  const auto judgement = judge_load(config, schedule, result, true, 99);
  CHECK(check_named(judgement, "errors").verdict == Verdict::fail);
  for (const auto* name : {"latency.limit.p50", "latency.slower.p50"}) {
    const auto& check = check_named(judgement, name);
    CHECK(check.verdict == Verdict::inconclusive);
    CHECK(check.reason == "the load was cut short: the candidate ended");
    CHECK(check.metrics.empty());
  }
  CHECK(judgement.distributions.empty());
  CHECK(judgement.series.empty());
}

TEST_CASE("one request is no plural") {
  CHECK(count_text(0, "request") == "0 requests");
  CHECK(count_text(1, "request") == "1 request");
  CHECK(count_text(2, "golden case") == "2 golden cases");
}
