// Intervals and sample sizes, distribution-free where that is possible. Every interval here is two-sided at `level`
// with equal tails, so that a side of a 90 % interval is a one-sided 95 % bound: the gate judges by those.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "validate/report.h"

namespace mlctl::validate {

inline constexpr double gate_level = 0.90;  // both sides are one-sided 95 % bounds
inline constexpr double gate_power = 0.80;  // of the sample sizes that a plan asks for

// The value of rank ceil(q * n). `sorted` ascending and not empty, 0 < q < 1.
[[nodiscard]] double quantile_of(const std::vector<double>& sorted, double q);

// Ranks (from 1) whose order statistics bound the quantile q of n independent draws from any distribution; absent where
// n is too small for a bound on that side. Source: David and Nagaraja, Order Statistics (3rd ed.), 7.1.
struct QuantileRanks {
  std::optional<std::uint64_t> low, high;
};
[[nodiscard]] QuantileRanks quantile_ranks(std::uint64_t n, double q, double level = gate_level);
// The same on data; a side without a rank is unbounded.
[[nodiscard]] Interval quantile_interval(const std::vector<double>& sorted, double q, double level = gate_level);
// The least n for which the quantile has an upper bound at all: q^n <= (1 - level) / 2. 299 for p99, 2995 for p99.9.
[[nodiscard]] std::uint64_t samples_for_bound(double q, double level = gate_level);

// Of a share, `hits` of n > 0. Source: Clopper and Pearson, Biometrika 26 (1934).
[[nodiscard]] Interval clopper_pearson(std::uint64_t hits, std::uint64_t n, double level = gate_level);

// Independent requests per arm that tell "as fast" from "slower by `share`" at quantile q: twice
// (z_a + z_b)^2 * v / ln(1 + share)^2, where v is the asymptotic variance of the log of a lognormal sample quantile
// with coefficient of variation `variation`. Real servers are noisier and their requests not independent: a lower
// bound. Source: Serfling, Approximation Theorems of Mathematical Statistics, 2.3.3, with the delta method.
[[nodiscard]] std::uint64_t samples_for_ratio(double q, double share, double variation = 0.3);

// How many times longer a run must be so that the interval of an estimate with this standard error would decide, with
// gate_power, on which side of `distance` away the truth lies. Infinite when distance is zero.
[[nodiscard]] double longer_by(double standard_error, double distance);

// PASS when the whole interval of a difference (positive is better) lies above -margin, FAIL when wholly below, else
// INCONCLUSIVE. Source: Piaggio et al., JAMA 308 (2012), CONSORT for non-inferiority.
[[nodiscard]] Verdict non_inferior(const Interval& difference, double margin);
// PASS when wholly at or below the limit, FAIL when wholly above, else INCONCLUSIVE.
[[nodiscard]] Verdict at_most(const Interval& interval, double limit);

}  // namespace mlctl::validate
