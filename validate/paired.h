// Two versions judged on the same examples: intervals of the difference candidate - baseline.
#pragma once
#include <cstdint>
#include <vector>

#include "validate/report.h"
#include "validate/statistics.h"

namespace mlctl::validate {

// Difference of two shares on the same n > 0 examples, from the discordant ones. A score interval, so that no
// discordant example at all still leaves doubt when n is small. Source: Tango, Statistics in Medicine 17 (1998).
[[nodiscard]] Interval paired_share_interval(std::uint64_t only_candidate, std::uint64_t only_baseline, std::uint64_t n,
                                             double level = gate_level);

// Fewer examples (for auc: of one class) decide nothing by an interval that rests on their scatter. Few examples may
// all agree by chance, and the interval is then a point; where none of n shows something, 3/n of all may have it still,
// of 30 one in ten. Source: Hanley and Lippman-Hand, "If nothing goes wrong, is everything all right?", JAMA 249
// (1983).
inline constexpr std::uint64_t least_examples = 30;

// Mean of differences as they come, by Welford's recurrence (Technometrics 4, 1962); interval by Student's t.
class MeanDifference {
 public:
  void add(double difference);
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] double mean() const { return mean_; }
  [[nodiscard]] Interval interval(double level = gate_level) const;  // unbounded below two values

 private:
  std::uint64_t count_ = 0;
  double mean_ = 0;
  double squares_ = 0;
};

struct AucComparison {
  double candidate = 0, baseline = 0;
  Interval candidate_interval;  // of the candidate's AUC alone
  Interval difference;
};
// labels are 0 or 1, both present; scores of equal length. O(n log n) by midranks. Sources: DeLong, DeLong and
// Clarke-Pearson, Biometrics 44 (1988); Sun and Xu, IEEE Signal Processing Letters 21 (2014).
[[nodiscard]] AucComparison compare_auc(const std::vector<std::uint8_t>& labels, const std::vector<double>& candidate,
                                        const std::vector<double>& baseline, double level = gate_level);

}  // namespace mlctl::validate
