#include "validate/paired.h"

#include <cmath>
#include <cstdint>
#include <doctest/doctest.h>
#include <vector>

#include "validate/random.h"

using namespace mlctl::validate;

TEST_CASE("Tango's interval") {
  constexpr double z2 = 1.6448536 * 1.6448536;
  SUBCASE("no discordant example leaves z^2/(n+z^2) of doubt") {
    const auto interval = paired_share_interval(0, 0, 100);
    CHECK(interval.high == doctest::Approx(z2 / (100 + z2)).epsilon(1e-5));
    CHECK(interval.low == doctest::Approx(-interval.high).epsilon(1e-5));
  }
  SUBCASE("many examples: as the normal approximation") {
    const auto interval = paired_share_interval(300, 200, 10000);
    const double error = std::sqrt((500 - 100.0 * 100.0 / 10000) / 10000 / 10000);
    CHECK(interval.low == doctest::Approx(0.01 - 1.6449 * error).epsilon(0.01));
    CHECK(interval.high == doctest::Approx(0.01 + 1.6449 * error).epsilon(0.01));
  }
  SUBCASE("swapping the arms mirrors it") {
    const auto a = paired_share_interval(9, 2, 60);
    const auto b = paired_share_interval(2, 9, 60);
    CHECK(a.low == doctest::Approx(-b.high).epsilon(1e-6));
    CHECK(a.high == doctest::Approx(-b.low).epsilon(1e-6));
  }
}

TEST_CASE("mean of differences") {
  MeanDifference mean;
  CHECK(mean.interval().high == Interval::unbounded);
  for (const double d : {1.0, 2.0, 3.0, 4.0, 5.0}) mean.add(d);
  CHECK(mean.mean() == doctest::Approx(3));
  // t(0.95; 4) = 2.131847, standard error sqrt(2.5 / 5).
  CHECK(mean.interval().high == doctest::Approx(3 + 2.131847 * std::sqrt(0.5)).epsilon(1e-5));
}

TEST_CASE("AUC by midranks is the share of ordered pairs, ties counting half") {
  const std::vector<std::uint8_t> labels = {0, 0, 1, 1, 0, 1};
  const std::vector<double> scores = {0.1, 0.4, 0.4, 0.8, 0.7, 0.9};
  double pairs = 0;
  for (std::size_t p = 0; p < labels.size(); ++p) {
    for (std::size_t n = 0; n < labels.size(); ++n) {
      if (labels[p] == 1 && labels[n] == 0) pairs += scores[p] > scores[n] ? 1 : scores[p] == scores[n] ? 0.5 : 0;
    }
  }
  const auto result = compare_auc(labels, scores, scores);
  CHECK(result.candidate == doctest::Approx(pairs / 9));
  CHECK(result.difference.low == doctest::Approx(0));
  CHECK(result.difference.high == doctest::Approx(0));
}

TEST_CASE("DeLong's paired interval covers the true difference of correlated scores") {
  constexpr std::uint64_t seed = 7;
  Random random(seed);
  constexpr int runs = 1000;
  // Both arms see the same signal with noise of equal size: the true difference is zero.
  int below = 0;
  int above = 0;
  for (int run = 0; run < runs; ++run) {
    std::vector<std::uint8_t> labels;
    std::vector<double> a;
    std::vector<double> b;
    for (int i = 0; i < 200; ++i) {
      const bool positive = random.uniform() < 0.6;
      const double signal = (positive ? 1.5 : 0.0) + random.normal();
      labels.push_back(positive ? 1 : 0);
      a.push_back(signal + 0.5 * random.normal());
      b.push_back(signal + 0.5 * random.normal());
    }
    const auto difference = compare_auc(labels, a, b).difference;
    below += difference.high < 0;
    above += difference.low > 0;
  }
  MESSAGE("seed " << seed << ", missed by " << below << " + " << above << " of " << runs);
  CHECK(below <= runs * 0.075);
  CHECK(above <= runs * 0.075);
}

TEST_CASE("Tango's interval covers the true difference of shares") {
  constexpr std::uint64_t seed = 8;
  Random random(seed);
  constexpr int runs = 1000;
  int below = 0;
  int above = 0;
  for (int run = 0; run < runs; ++run) {
    std::uint64_t only_a = 0;
    std::uint64_t only_b = 0;
    for (int i = 0; i < 150; ++i) {
      const double u = random.uniform();
      only_a += u < 0.04;
      only_b += u >= 0.04 && u < 0.06;
    }
    const auto interval = paired_share_interval(only_a, only_b, 150);
    below += interval.high < 0.02;
    above += interval.low > 0.02;
  }
  MESSAGE("seed " << seed << ", missed by " << below << " + " << above << " of " << runs);
  CHECK(below <= runs * 0.075);
  CHECK(above <= runs * 0.075);
}
