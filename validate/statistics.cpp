#include "validate/statistics.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

#include "validate/distributions.h"

namespace mlctl::validate {

double quantile_of(const std::vector<double>& sorted, double q) {
  assert(!sorted.empty());
  const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(sorted.size())));
  return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

QuantileRanks quantile_ranks(std::uint64_t n, double q, double level) {
  const double confidence = 1 - (1 - level) / 2;
  QuantileRanks ranks;
  // X(r) lies at or above the quantile when fewer than r draws lie below it: P = cdf(r - 1), rising in r.
  std::uint64_t first = 1;
  std::uint64_t past = n + 1;
  while (first < past) {
    const auto middle = first + (past - first) / 2;
    if (binomial_cdf(static_cast<std::int64_t>(middle) - 1, n, q) >= confidence && middle <= n)
      past = middle;
    else
      first = middle + 1;
  }
  // cdf(n - 1) = 1 - q^n: the bound that even the largest draw may not reach.
  if (first <= n && binomial_cdf(static_cast<std::int64_t>(first) - 1, n, q) >= confidence) ranks.high = first;
  // X(r) lies at or below it when at least r draws do: P = 1 - cdf(r - 1), falling in r.
  first = 0;
  past = n + 1;
  while (past - first > 1) {
    const auto middle = first + (past - first) / 2;
    if (1 - binomial_cdf(static_cast<std::int64_t>(middle) - 1, n, q) >= confidence)
      first = middle;
    else
      past = middle;
  }
  if (first >= 1) ranks.low = first;
  return ranks;
}

Interval quantile_interval(const std::vector<double>& sorted, double q, double level) {
  const auto ranks = quantile_ranks(sorted.size(), q, level);
  Interval interval{.level = level};
  if (ranks.low) interval.low = sorted[*ranks.low - 1];
  if (ranks.high) interval.high = sorted[*ranks.high - 1];
  return interval;
}

std::uint64_t samples_for_bound(double q, double level) {
  return static_cast<std::uint64_t>(std::ceil(std::log((1 - level) / 2) / std::log(q)));
}

Interval clopper_pearson(std::uint64_t hits, std::uint64_t n, double level) {
  assert(n > 0 && hits <= n);
  const double tail = (1 - level) / 2;
  const auto k = static_cast<double>(hits);
  const auto rest = static_cast<double>(n - hits);
  return {.low = hits == 0 ? 0 : beta_quantile(tail, k, rest + 1),
          .high = hits == n ? 1 : beta_quantile(1 - tail, k + 1, rest),
          .level = level};
}

namespace {

double decision_z() {
  return normal_quantile(1 - (1 - gate_level) / 2) + normal_quantile(gate_power);
}

}  // namespace

std::uint64_t samples_for_ratio(double q, double share, double variation) {
  assert(share > 0);
  const double sigma_squared = std::log1p(variation * variation);
  const double density = normal_density(normal_quantile(q));
  const double variance = sigma_squared * q * (1 - q) / (density * density);
  const double z = decision_z();
  const double effect = std::log1p(share);
  return static_cast<std::uint64_t>(std::ceil(2 * z * z * variance / (effect * effect)));
}

double longer_by(double standard_error, double distance) {
  if (distance == 0) return std::numeric_limits<double>::infinity();
  const double ratio = decision_z() * standard_error / distance;
  return ratio * ratio;
}

Verdict non_inferior(const Interval& difference, double margin) {
  if (difference.low >= -margin) return Verdict::pass;
  return difference.high < -margin ? Verdict::fail : Verdict::inconclusive;
}

Verdict at_most(const Interval& interval, double limit) {
  if (interval.high <= limit) return Verdict::pass;
  return interval.low > limit ? Verdict::fail : Verdict::inconclusive;
}

}  // namespace mlctl::validate
