// How good two versions are on the same examples, whose true answers are known.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/terminal.h"
#include "validate/gate_config.h"
#include "validate/holdout.h"
#include "validate/paired.h"
#include "validate/parity.h"
#include "validate/protocol.h"
#include "validate/report.h"

namespace mlctl::validate {

// Scores both arms row by row. Rows are told apart by their place; memory grows only for auc (17 bytes a row).
class PairedScore {
 public:
  explicit PairedScore(AccuracyMetric metric) : metric_(metric) {}

  // What one example's answers are worth. `answer`: the values of its row in the first output. Error{usage} for a label
  // that the metric cannot use, Error{corrupt} for an answer that it cannot use.
  struct Value {
    double score = 0;  // auc: the score; else the example's contribution to the mean
    bool positive = false;
  };
  [[nodiscard]] Result<Value> value_of(const std::string& label, const std::vector<double>& answer,
                                       const std::string& text) const;
  void add(const Value& candidate, const Value& baseline);

  struct Outcome {
    double candidate = 0, baseline = 0;
    Interval difference;  // candidate - baseline, turned so that positive is better; unbounded when too_few
    std::uint64_t samples = 0;
    std::string too_few;  // why that many examples decide nothing, or ""
  };
  // nullopt when the examples cannot tell: none, or for auc only one class.
  [[nodiscard]] std::optional<Outcome> outcome(double level) const;

 private:
  AccuracyMetric metric_;
  MeanDifference candidate_, baseline_, difference_;
  std::uint64_t only_candidate_ = 0, only_baseline_ = 0;
  std::vector<std::uint8_t> labels_;
  std::vector<double> candidate_scores_, baseline_scores_;
};

struct AccuracyInput {
  TensorSpec input;  // the model's only input; shape [-1, features]
  Ask candidate;
  std::optional<Ask> baseline;
};
// The check "accuracy", and one "accuracy.slices.COLUMN" for each column of slices. Without a baseline they are
// skipped: first_version, with the candidate's value. Error{usage}: the file or its labels are wrong;
// Error{interrupted}.
[[nodiscard]] Result<std::vector<Check>> check_accuracy(const AccuracyConfig& config, Holdout& holdout,
                                                        const AccuracyInput& input, Progress& progress);

}  // namespace mlctl::validate
