#include <algorithm>
#include <cmath>

#include "base/units.h"
#include "validate/accuracy.h"

namespace mlctl::validate {
namespace {

Error usage(std::string message) {
  return {.kind = Error::Kind::usage, .message = std::move(message), .hint = ""};
}
Error corrupt(std::string message) {
  return {.kind = Error::Kind::corrupt, .message = std::move(message), .hint = ""};
}

// One score, or the second of two class probabilities.
Result<double> probability_of(const std::vector<double>& answer, bool must_be_probability) {
  if (answer.empty() || answer.size() > 2) {
    return corrupt("one score or two class probabilities a row are expected, not " + std::to_string(answer.size()));
  }
  const double value = answer.back();
  if (must_be_probability && (value < 0 || value > 1)) return corrupt("not a probability: " + number_text(value));
  return value;
}

// The class that an answer of one or several values names: the nearest whole number, or the largest value's place.
double class_of(const std::vector<double>& answer) {
  if (answer.size() == 1) return std::round(answer.front());
  return static_cast<double>(std::max_element(answer.begin(), answer.end()) - answer.begin());
}

double logloss(double p, bool positive) {
  constexpr double least = 1e-15;  // the usual clip: a certain error costs much, not everything
  return -std::log(std::clamp(positive ? p : 1 - p, least, 1.0));
}

std::string too_few(const std::string& what, std::uint64_t count) {
  if (count >= least_examples) return {};
  return std::to_string(count) + " " + what + ", at least " + std::to_string(least_examples) + " are needed";
}

}  // namespace

Result<PairedScore::Value> PairedScore::value_of(const std::string& label, const std::vector<double>& answer,
                                                 const std::string& text) const {
  if (metric_ == AccuracyMetric::accuracy && answer.empty()) return Value{.score = text == label ? 1.0 : 0.0};
  const auto truth = parse_number(label);
  if (!truth) return usage("the label '" + label.substr(0, 40) + "' is not a number");
  if (metric_ == AccuracyMetric::accuracy) return Value{.score = class_of(answer) == *truth ? 1.0 : 0.0};
  if (metric_ == AccuracyMetric::mae) {
    if (answer.size() != 1) return corrupt("mae needs one value a row, not " + std::to_string(answer.size()));
    return Value{.score = std::abs(answer.front() - *truth)};
  }
  if (*truth != 0 && *truth != 1) {
    return usage(std::string(to_string(metric_)) + " needs labels 0 and 1, not '" + label.substr(0, 40) + "'");
  }
  const bool positive = *truth == 1;
  auto p = probability_of(answer, metric_ != AccuracyMetric::auc);
  if (!p) return p.error();
  if (metric_ == AccuracyMetric::auc) return Value{.score = *p, .positive = positive};
  if (metric_ == AccuracyMetric::logloss) return Value{.score = logloss(*p, positive), .positive = positive};
  return Value{.score = (*p - *truth) * (*p - *truth), .positive = positive};
}

void PairedScore::add(const Value& candidate, const Value& baseline) {
  candidate_.add(candidate.score);
  baseline_.add(baseline.score);
  difference_.add(candidate.score - baseline.score);
  if (candidate.score > baseline.score) ++only_candidate_;
  if (candidate.score < baseline.score) ++only_baseline_;
  if (metric_ != AccuracyMetric::auc) return;
  labels_.push_back(candidate.positive ? 1 : 0);
  candidate_scores_.push_back(candidate.score);
  baseline_scores_.push_back(baseline.score);
}

std::optional<PairedScore::Outcome> PairedScore::outcome(double level) const {
  const auto n = candidate_.count();
  if (n == 0) return std::nullopt;
  Outcome outcome{
      .candidate = candidate_.mean(), .baseline = baseline_.mean(), .difference = {}, .samples = n, .too_few = {}};
  if (metric_ == AccuracyMetric::auc) {
    const auto positives = static_cast<std::uint64_t>(std::count(labels_.begin(), labels_.end(), 1));
    if (positives == 0 || positives == n) return std::nullopt;
    const auto auc = compare_auc(labels_, candidate_scores_, baseline_scores_, level);
    outcome.candidate = auc.candidate;
    outcome.baseline = auc.baseline;
    outcome.difference = auc.difference;
    outcome.too_few = too_few("examples of the rarer class", std::min(positives, n - positives));
  } else if (metric_ == AccuracyMetric::accuracy) {
    outcome.difference = paired_share_interval(only_candidate_, only_baseline_, n, level);
  } else {
    const auto interval = difference_.interval(level);
    outcome.difference = {.low = -interval.high, .high = -interval.low, .level = level};
    outcome.too_few = too_few("examples", n);
  }
  if (!outcome.too_few.empty()) outcome.difference = {.level = level};
  return outcome;
}

}  // namespace mlctl::validate
