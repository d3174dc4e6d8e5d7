#include "deploy/judge/ratio.h"

#include <cmath>
#include <doctest/doctest.h>
#include <random>
#include <vector>

using namespace mlctl::deploy;

TEST_CASE("how many requests without an error show a rate, looked at as often as one likes") {
  // Found by solving (n+1)(1-p)^n = eps for n.
  CHECK(!rate_is_below(2126, 0, 0.005, 0.05));
  CHECK(rate_is_below(2127, 0, 0.005, 0.05));
  CHECK(!rate_is_below(12416, 0, 0.001, 0.05));
  CHECK(rate_is_below(12417, 0, 0.001, 0.05));
  CHECK(!rate_is_below(0, 0, 0.001, 0.05));
  CHECK(!rate_is_below(1000, 50, 0.001, 0.05));
}

TEST_CASE("a rate far above a limit is told from it, one at the limit is not") {
  CHECK(rate_is_above(1000, 50, 0.001, 0.01));
  CHECK(!rate_is_above(1000, 1, 0.001, 0.01));
  CHECK(!rate_is_above(0, 0, 0.001, 0.01));
}

TEST_CASE("the value of a rate is the binomial one") {
  // (n+1) C(n,S) p^S (1-p)^(n-S) for n = 4, S = 1, p = 0.5: 5 * 4 / 16.
  CHECK(std::exp(log_rate_value(4, 1, 0.5)) == doctest::Approx(1.25));
}

TEST_CASE("a process begins at one, and a block without both arms says nothing") {
  auto process = RatioProcess::refutes_at_most(1.5);
  CHECK(process.log_value() == doctest::Approx(0));
  process.add({{100, 5}, {0, 0}}, 1);
  process.add({{0, 0}, {100, 5}}, 1);
  process.add({{0, 0}, {0, 0}}, 1);
  CHECK(process.log_value() == doctest::Approx(0));
}

TEST_CASE("one event weighs as its likelihoods do") {
  // Shares 1/4 and 3/4, null 1: an event of the canary is theta(r)/theta(1) as likely under r.
  auto process = RatioProcess::refutes_at_most(1);
  process.add({{300, 0}, {100, 1}}, 1);
  double mean = 0;
  for (const double r : {1.15, 1.35, 1.7, 2.3, 3.5, 6.0, 12.0}) mean += (0.25 * r / (0.25 * r + 0.75)) / 0.25 / 7;
  CHECK(std::exp(process.log_value()) == doctest::Approx(mean));
  auto tempered = RatioProcess::refutes_at_most(1);
  tempered.add({{300, 0}, {100, 1}}, 2);
  CHECK(tempered.log_value() < process.log_value());
}

// Ville's inequality: the mean stays 1 under the null, so at most alpha of all streams ever get above 1/alpha.
TEST_CASE(
    "under the null a process rarely ever refutes it, although the common rate drifts and one looks all the time") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (const bool high : {true, false}) {
    CAPTURE(high);
    const double null = high ? 1.5 : 3;
    int alarms = 0;
    constexpr int streams = 2000;
    for (int stream = 0; stream < streams; ++stream) {
      auto process = high ? RatioProcess::refutes_at_most(null) : RatioProcess::refutes_at_least(null);
      bool alarm = false;
      for (int block = 0; block < 60 && !alarm; ++block) {
        const double rate = 0.005 * (1 + 0.8 * std::sin(block / 6.0));
        const double share = block < 20 ? 0.05 : 0.5;
        const double all = 6000;
        std::poisson_distribution<int> stable(all * (1 - share) * rate), canary(all * share * rate * null);
        const double stable_events = stable(random), canary_events = canary(random);
        process.add({{all * (1 - share), stable_events}, {all * share, canary_events}}, 1);
        alarm = process.log_value() >= -std::log(0.05);
      }
      alarms += alarm ? 1 : 0;
    }
    // 5 % of 2,000 are 100; four standard deviations above that are 139.
    CHECK(alarms <= 139);
  }
}

TEST_CASE("a process goes on from where another one was") {
  auto one = RatioProcess::refutes_at_most(1.5);
  one.add({{1000, 5}, {1000, 20}}, 1.3);
  auto other = RatioProcess::refutes_at_most(1.5);
  REQUIRE(other.restore(one.accumulators()));
  CHECK(other == one);
  CHECK(!other.restore({1, 2}));
  auto nonsense = one.accumulators();
  nonsense.front() = std::nan("");
  CHECK(!other.restore(nonsense));
  CHECK(other == one);
}

TEST_CASE("the average of two values is between them, also where neither fits a double") {
  CHECK(log_average(0, 0) == doctest::Approx(0));
  CHECK(log_average(2000, 0) == doctest::Approx(2000 - std::log(2)));
}
