#include "validate/bootstrap.h"

#include <cmath>
#include <cstdint>
#include <doctest/doctest.h>
#include <limits>
#include <vector>

#include "validate/random.h"

using namespace mlctl::validate;

namespace {

// What a noisy machine does: each second has a mood that both arms share, each block one of its own, each request luck.
std::vector<BlockPair> noisy_run(std::size_t pairs, double true_ratio, Random& random) {
  std::vector<BlockPair> run(pairs);
  for (auto& pair : run) {
    const double mood = 0.3 * random.normal();
    for (auto* block : {&pair.candidate, &pair.baseline}) {
      const double own = mood + 0.1 * random.normal();
      const double scale = block == &pair.candidate ? true_ratio : 1.0;
      for (int i = 0; i < 15; ++i) block->push_back(scale * std::exp(own + 0.3 * random.normal()));
    }
  }
  return run;
}

}  // namespace

TEST_CASE("quantile_ratio on known blocks") {
  std::vector<BlockPair> pairs(20);
  for (auto& pair : pairs) {
    pair.candidate = {2, 4, 6};
    pair.baseline = {1, 2, 3};
  }
  const auto estimate = quantile_ratio(pairs, 0.5, 1);
  CHECK(estimate.ratio == 2);
  CHECK(estimate.interval.low == doctest::Approx(2));
  CHECK(estimate.interval.high == doctest::Approx(2));
  CHECK(estimate.log_error == doctest::Approx(0));
}

TEST_CASE("the same seed gives the same interval, another seed hardly another one") {
  Random random(3);
  const auto run = noisy_run(60, 1.0, random);
  const auto a = quantile_ratio(run, 0.5, 11);
  const auto b = quantile_ratio(run, 0.5, 11);
  const auto c = quantile_ratio(run, 0.5, 12);
  CHECK(a.interval.low == b.interval.low);
  CHECK(a.interval.high == b.interval.high);
  CHECK(a.interval.high == doctest::Approx(c.interval.high).epsilon(0.02));
}

TEST_CASE("what cannot be estimated has no bound") {
  const double failed = std::numeric_limits<double>::infinity();
  CHECK(quantile_ratio({}, 0.5, 1).interval.high == Interval::unbounded);
  CHECK(quantile_ratio({{{1.0}, {}}}, 0.5, 1).interval.high == Interval::unbounded);
  const std::vector<BlockPair> both_fail(20, {{failed, failed}, {failed, failed}});
  const auto neither = quantile_ratio(both_fail, 0.5, 1);
  CHECK(neither.interval.low <= 0);
  CHECK(neither.interval.high == Interval::unbounded);
  const std::vector<BlockPair> candidate_fails(20, {{failed, failed, 1.0}, {1.0, 1.0, 1.0}});
  CHECK(at_most(quantile_ratio(candidate_fails, 0.5, 1).interval, 1.1) == Verdict::fail);
}

TEST_CASE("block intervals cover the true ratio where intervals over single requests would not") {
  constexpr std::uint64_t seed = 42;
  Random random(seed);
  constexpr int runs = 200;
  int below = 0;
  int above = 0;
  for (int run = 0; run < runs; ++run) {
    const auto estimate = quantile_ratio(noisy_run(30, 1.1, random), 0.5, random.next());
    below += estimate.interval.high < 1.1;
    above += estimate.interval.low > 1.1;
  }
  MESSAGE("seed " << seed << ", missed by " << below << " + " << above << " of " << runs);
  // 5 % a side are promised; percentile intervals of 30 pairs are a little short, and 3 standard deviations on top.
  CHECK(below <= runs * 0.10);
  CHECK(above <= runs * 0.10);
}
