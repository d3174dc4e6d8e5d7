#include "validate/statistics.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <doctest/doctest.h>
#include <limits>
#include <string>
#include <vector>

#include "validate/random.h"

using namespace mlctl::validate;

TEST_CASE("ranks that bound a quantile") {
  struct Case {
    const char* name;
    std::uint64_t n;
    double q, level;
    std::uint64_t low, high;  // 0: no bound on that side
  };
  for (const auto& c : std::vector<Case>{
           {"p99 of 1000 at 95 %", 1000, 0.99, 0.95, 983, 997},
           {"p99 of 100 has no upper bound", 100, 0.99, 0.95, 97, 0},
           {"p50 of 10 at 95 %: the textbook's 2 and 9", 10, 0.5, 0.95, 2, 9},
           {"p99 of 298 is one short at 90 %", 298, 0.99, 0.90, 292, 0},
           {"p99 of 299 is bounded by the largest", 299, 0.99, 0.90, 293, 299},
           {"one observation bounds nothing", 1, 0.5, 0.90, 0, 0},
       }) {
    CAPTURE(c.name);
    const auto ranks = quantile_ranks(c.n, c.q, c.level);
    CHECK(ranks.low.value_or(0) == c.low);
    CHECK(ranks.high.value_or(0) == c.high);
  }
}

TEST_CASE("an interval without a rank is unbounded on that side, never the largest value") {
  std::vector<double> values(100);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i + 1);
  const auto interval = quantile_interval(values, 0.99);
  CHECK(interval.high == Interval::unbounded);
  CHECK(interval.low == 97);
  CHECK(quantile_of(values, 0.5) == 50);
  CHECK(quantile_of(values, 0.999) == 100);
}

TEST_CASE("the least sample that bounds a quantile from above") {
  CHECK(samples_for_bound(0.5) == 5);
  CHECK(samples_for_bound(0.90) == 29);
  CHECK(samples_for_bound(0.95) == 59);
  CHECK(samples_for_bound(0.99) == 299);
  CHECK(samples_for_bound(0.999) == 2995);
  for (const double q : {0.5, 0.9, 0.95, 0.99, 0.999}) {
    const auto n = samples_for_bound(q);
    CHECK(quantile_ranks(n, q).high.has_value());
    CHECK_FALSE(quantile_ranks(n - 1, q).high.has_value());
  }
}

TEST_CASE("Clopper-Pearson") {
  struct Case {
    const char* name;
    std::uint64_t hits, n;
    double level, low, high;
  };
  for (const auto& c : std::vector<Case>{
           {"no error in 299 bounds the rate below 1 %", 0, 299, 0.90, 0.0, 0.009969},
           {"5 of 100 at 95 %", 5, 100, 0.95, 0.016432, 0.112835},
           {"all of 10 at 95 %", 10, 10, 0.95, 0.691503, 1.0},
       }) {
    CAPTURE(c.name);
    const auto interval = clopper_pearson(c.hits, c.n, c.level);
    CHECK(interval.low == doctest::Approx(c.low).epsilon(1e-4));
    CHECK(interval.high == doctest::Approx(c.high).epsilon(1e-4));
  }
}

TEST_CASE("samples for a ratio: more for tails, for small differences and for noise") {
  // At the median of a lognormal the variance of the log is pi/2 times that of the mean of logs: 123 * 1.57 at 10 %.
  CHECK(samples_for_ratio(0.5, 0.10) == doctest::Approx(123 * 1.5708).epsilon(0.05));
  CHECK(samples_for_ratio(0.99, 0.10) > 8 * samples_for_ratio(0.5, 0.10));
  CHECK(samples_for_ratio(0.5, 0.05) > 3 * samples_for_ratio(0.5, 0.10));
  CHECK(samples_for_ratio(0.5, 0.10, 0.6) > 3 * samples_for_ratio(0.5, 0.10));
}

TEST_CASE("how much longer a run must be") {
  // Two and a half standard errors away is decided; half as far needs four times as long.
  CHECK(longer_by(1.0, 2.4865) == doctest::Approx(1.0).epsilon(1e-3));
  CHECK(longer_by(1.0, 2.4865 / 2) == doctest::Approx(4.0).epsilon(1e-3));
  CHECK(std::isinf(longer_by(1.0, 0.0)));
}

TEST_CASE("verdicts are three-valued") {
  struct Case {
    const char* name;
    double low, high;
    Verdict difference, limit;  // margin 1, limit -1
  };
  for (const auto& c : std::vector<Case>{
           {"wholly above the margin", -0.9, 0.5, Verdict::pass, Verdict::fail},
           {"across it", -1.1, 0.5, Verdict::inconclusive, Verdict::inconclusive},
           {"wholly below it", -3, -1.5, Verdict::fail, Verdict::pass},
           {"no bound below", -Interval::unbounded, 0.5, Verdict::inconclusive, Verdict::inconclusive},
           {"no bound at all", -Interval::unbounded, Interval::unbounded, Verdict::inconclusive, Verdict::inconclusive},
       }) {
    CAPTURE(c.name);
    CHECK(non_inferior({.low = c.low, .high = c.high}, 1) == c.difference);
    CHECK(at_most({.low = c.low, .high = c.high}, -1) == c.limit);
  }
}

TEST_CASE("the order-statistic interval covers p99 in at least 90 % of runs, whatever the distribution") {
  constexpr std::uint64_t seed = 20261122;
  Random random(seed);
  constexpr int runs = 2000;
  constexpr double truth = 4.60517;  // -ln(0.01), of the exponential distribution
  int below = 0;
  int above = 0;
  for (int run = 0; run < runs; ++run) {
    std::vector<double> values(600);
    for (auto& v : values) v = random.exponential();
    std::sort(values.begin(), values.end());
    const auto interval = quantile_interval(values, 0.99);
    below += interval.high < truth;
    above += interval.low > truth;
  }
  MESSAGE("seed " << seed << ", missed by " << below << " + " << above << " of " << runs);
  // Each side promises at most 5 %; 3 standard deviations of simulation on top.
  CHECK(below <= runs * 0.065);
  CHECK(above <= runs * 0.065);
}

TEST_CASE("the random numbers are the same everywhere") {
  Random random(1);
  const auto first = random.next();
  const auto second = random.next();
  CHECK(first == 12966619160104079557ULL);
  CHECK(second == 9600361134598540522ULL);
  Random bounded(7);
  for (int i = 0; i < 1000; ++i) CHECK(bounded.below(3) < 3);
}

TEST_CASE("the requests that a share of errors needs are the least that the judge can pass") {
  for (const double limit : {0.5, 0.2, 0.1, 0.05, 0.01, 0.005, 0.001, 0.0001}) {
    CAPTURE(limit);
    const auto needed = samples_for_bound(1 - limit);
    CHECK(at_most(clopper_pearson(0, needed), limit) == Verdict::pass);
    CHECK(at_most(clopper_pearson(0, needed - 1), limit) == Verdict::inconclusive);
  }
}
