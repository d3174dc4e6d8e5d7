// Quantiles of latencies that came in blocks. Requests that follow one another share queues and neighbours, so the unit
// that is drawn again is the block (a second of load), for two arms the pair of neighbouring blocks: what slowed both
// cancels. Percentile intervals. Source: Davison and Hinkley, Bootstrap Methods and their Application (1997), 5.3, 8.2.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "validate/report.h"
#include "validate/statistics.h"

namespace mlctl::validate {

using Block = std::vector<double>;  // of one arm; infinity for a request that failed

struct BlockPair {
  Block candidate, baseline;
};

struct RatioEstimate {
  double ratio = 1;      // quantile of the candidate over that of the baseline, all blocks pooled
  Interval interval;     // of the ratio
  double log_error = 0;  // standard deviation of the log ratio over the replicates
  std::size_t pairs = 0;
};

// Deterministic for a seed. An arm without values, or an infinite quantile on both sides, gives an unbounded interval.
[[nodiscard]] RatioEstimate quantile_ratio(const std::vector<BlockPair>& pairs, double q, std::uint64_t seed,
                                           double level = gate_level);
[[nodiscard]] Interval blocked_quantile_interval(const std::vector<Block>& blocks, double q, std::uint64_t seed,
                                                 double level = gate_level);

}  // namespace mlctl::validate
