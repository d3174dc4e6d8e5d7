#include "validate/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "validate/random.h"

namespace mlctl::validate {
namespace {

// All values of an arm in order, each knowing its block: a replicate is a weight per block and one walk.
class Pooled {
 public:
  void add(const Block& block) {
    for (const double value : block) values_.push_back({value, static_cast<std::uint32_t>(sizes_.size())});
    sizes_.push_back(block.size());
  }
  void sort() {
    std::sort(values_.begin(), values_.end(), [](const Value& a, const Value& b) { return a.value < b.value; });
  }
  [[nodiscard]] std::size_t size() const { return values_.size(); }

  // NaN when the drawn blocks hold nothing.
  [[nodiscard]] double quantile(double q, const std::vector<std::uint32_t>& weights) const {
    std::uint64_t total = 0;
    for (std::size_t b = 0; b < sizes_.size(); ++b) total += sizes_[b] * weights[b];
    if (total == 0) return std::numeric_limits<double>::quiet_NaN();
    const auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(total))));
    std::uint64_t seen = 0;
    for (const auto& value : values_) {
      seen += weights[value.block];
      if (seen >= rank) return value.value;
    }
    return values_.back().value;
  }

 private:
  struct Value {
    double value;
    std::uint32_t block;
  };
  std::vector<Value> values_;
  std::vector<std::size_t> sizes_;
};

// Bounds the work at some 4e8 steps: beyond a few thousand values per replicate the ends of the interval hardly move.
std::size_t replicates_for(std::size_t values) {
  return std::clamp<std::size_t>(400'000'000 / std::max<std::size_t>(values, 1), 400, 2000);
}

void draw(std::vector<std::uint32_t>& weights, Random& random) {
  std::fill(weights.begin(), weights.end(), 0U);
  for (std::size_t i = 0; i < weights.size(); ++i) ++weights[random.below(weights.size())];
}

Interval percentiles(std::vector<double>& replicates, double level) {
  std::sort(replicates.begin(), replicates.end());
  const double tail = (1 - level) / 2;
  return {.low = quantile_of(replicates, tail), .high = quantile_of(replicates, 1 - tail), .level = level};
}

double standard_deviation(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double sum = 0;
  for (const double v : values) sum += (v - mean) * (v - mean);
  return std::sqrt(sum / (n - 1));
}

}  // namespace

RatioEstimate quantile_ratio(const std::vector<BlockPair>& pairs, double q, std::uint64_t seed, double level) {
  Pooled candidate;
  Pooled baseline;
  for (const auto& pair : pairs) {
    candidate.add(pair.candidate);
    baseline.add(pair.baseline);
  }
  RatioEstimate estimate{.interval = {.level = level}, .pairs = pairs.size()};
  estimate.log_error = std::numeric_limits<double>::infinity();
  if (candidate.size() == 0 || baseline.size() == 0) return estimate;
  candidate.sort();
  baseline.sort();

  std::vector<std::uint32_t> weights(pairs.size(), 1);
  estimate.ratio = candidate.quantile(q, weights) / baseline.quantile(q, weights);
  Random random(seed);
  std::vector<double> logs(replicates_for(candidate.size() + baseline.size()));
  for (auto& log : logs) {
    draw(weights, random);
    log = std::log(candidate.quantile(q, weights) / baseline.quantile(q, weights));
    if (std::isnan(log)) return estimate;
  }
  estimate.log_error = std::isfinite(logs.front()) ? standard_deviation(logs) : estimate.log_error;
  const auto interval = percentiles(logs, level);
  estimate.interval = {.low = std::exp(interval.low), .high = std::exp(interval.high), .level = level};
  return estimate;
}

Interval blocked_quantile_interval(const std::vector<Block>& blocks, double q, std::uint64_t seed, double level) {
  Pooled pooled;
  for (const auto& block : blocks) pooled.add(block);
  if (pooled.size() == 0) return {.level = level};
  pooled.sort();
  Random random(seed);
  std::vector<std::uint32_t> weights(blocks.size(), 1);
  std::vector<double> replicates(replicates_for(pooled.size()));
  for (auto& replicate : replicates) {
    draw(weights, random);
    replicate = pooled.quantile(q, weights);
    if (std::isnan(replicate)) return {.level = level};
  }
  return percentiles(replicates, level);
}

}  // namespace mlctl::validate
