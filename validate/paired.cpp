#include "validate/paired.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>

#include "validate/distributions.h"

namespace mlctl::validate {
namespace {

double z_of(double level) {
  return normal_quantile(1 - (1 - level) / 2);
}

// Tango's score statistic at the hypothetical difference `delta`, decreasing in delta.
double score(double only_a, double only_b, double n, double delta) {
  const double a = 2 * n;
  const double b = -only_a - only_b + (2 * n - only_a + only_b) * delta;
  const double c = -only_b * delta * (1 - delta);
  const double p = (std::sqrt(std::max(0.0, b * b - 4 * a * c)) - b) / (2 * a);  // restricted estimate of P(only b)
  const double variance = n * (2 * p + delta * (1 - delta));
  const double numerator = only_a - only_b - n * delta;
  if (variance <= 0) return numerator == 0 ? 0 : std::copysign(1e300, numerator);
  return numerator / std::sqrt(variance);
}

double solve(double only_a, double only_b, double n, double target) {
  double low = -1;
  double high = 1;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (score(only_a, only_b, n, middle) > target ? low : high) = middle;
  }
  return (low + high) / 2;
}

// Midranks, from 1, of `values`.
std::vector<double> midranks(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (std::size_t first = 0; first < order.size();) {
    std::size_t past = first + 1;
    while (past < order.size() && values[order[past]] == values[order[first]]) ++past;
    for (std::size_t i = first; i < past; ++i) ranks[order[i]] = static_cast<double>(first + past + 1) / 2;
    first = past;
  }
  return ranks;
}

// Per example: the share of the other class that it is ranked on the right side of (DeLong's V10 and V01).
struct Placements {
  double auc = 0;
  std::vector<double> positives, negatives;
};

Placements placements(const std::vector<std::uint8_t>& labels, const std::vector<double>& scores) {
  std::vector<double> by_class[2];
  for (std::size_t i = 0; i < labels.size(); ++i) by_class[labels[i]].push_back(scores[i]);
  const auto all = midranks(scores);
  const auto within_negatives = midranks(by_class[0]);
  const auto within_positives = midranks(by_class[1]);
  const auto negatives = static_cast<double>(by_class[0].size());
  const auto positives = static_cast<double>(by_class[1].size());
  Placements result;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] == 1) {
      result.positives.push_back((all[i] - within_positives[result.positives.size()]) / negatives);
    } else {
      result.negatives.push_back(1 - (all[i] - within_negatives[result.negatives.size()]) / positives);
    }
  }
  result.auc = std::accumulate(result.positives.begin(), result.positives.end(), 0.0) / positives;
  return result;
}

// Variance of the mean of values[i] - other[i]; without `other`, of values[i].
double variance_of_mean(const std::vector<double>& values, const std::vector<double>* other) {
  MeanDifference differences;
  double squares = 0;
  for (std::size_t i = 0; i < values.size(); ++i) differences.add(values[i] - (other ? (*other)[i] : 0));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double d = values[i] - (other ? (*other)[i] : 0) - differences.mean();
    squares += d * d;
  }
  const auto n = static_cast<double>(values.size());
  return n < 2 ? std::numeric_limits<double>::infinity() : squares / (n - 1) / n;
}

Interval around(double value, double variance, double level) {
  const double half = z_of(level) * std::sqrt(variance);
  return {.low = value - half, .high = value + half, .level = level};
}

}  // namespace

Interval paired_share_interval(std::uint64_t only_candidate, std::uint64_t only_baseline, std::uint64_t n,
                               double level) {
  assert(n > 0 && only_candidate + only_baseline <= n);
  const auto a = static_cast<double>(only_candidate);
  const auto b = static_cast<double>(only_baseline);
  const double z = z_of(level);
  return {
      .low = solve(a, b, static_cast<double>(n), z), .high = solve(a, b, static_cast<double>(n), -z), .level = level};
}

void MeanDifference::add(double difference) {
  ++count_;
  const double step = difference - mean_;
  mean_ += step / static_cast<double>(count_);
  squares_ += step * (difference - mean_);
}

Interval MeanDifference::interval(double level) const {
  if (count_ < 2) return {.level = level};
  const auto n = static_cast<double>(count_);
  const double half = student_quantile(1 - (1 - level) / 2, n - 1) * std::sqrt(squares_ / (n - 1) / n);
  return {.low = mean_ - half, .high = mean_ + half, .level = level};
}

AucComparison compare_auc(const std::vector<std::uint8_t>& labels, const std::vector<double>& candidate,
                          const std::vector<double>& baseline, double level) {
  assert(labels.size() == candidate.size() && labels.size() == baseline.size());
  const auto a = placements(labels, candidate);
  const auto b = placements(labels, baseline);
  const double alone = variance_of_mean(a.positives, nullptr) + variance_of_mean(a.negatives, nullptr);
  const double both = variance_of_mean(a.positives, &b.positives) + variance_of_mean(a.negatives, &b.negatives);
  return {.candidate = a.auc,
          .baseline = b.auc,
          .candidate_interval = around(a.auc, alone, level),
          .difference = around(a.auc - b.auc, both, level)};
}

}  // namespace mlctl::validate
