#include "validate/accuracy.h"

#include <cmath>
#include <utility>

#include "base/interrupt.h"
#include "validate/statistics.h"

namespace mlctl::validate {
namespace {

constexpr std::size_t batch_rows = 64;
constexpr std::size_t most_slices = 100;  // values of one column
constexpr std::uint64_t most_rows = 5'000'000;

Error usage(std::string message) {
  return {.kind = Error::Kind::usage, .message = std::move(message), .hint = ""};
}

// One row of an answer's first output.
struct RowAnswer {
  std::vector<double> values;
  std::string text;
};

Result<std::vector<RowAnswer>> rows_of(const std::vector<Tensor>& answer, std::size_t rows) {
  const auto& output = answer.front();
  const auto size = output.numbers.size() + output.texts.size();
  if (output.shape.empty() || output.shape.front() != static_cast<std::int64_t>(rows) || size % rows != 0 ||
      size == 0) {
    return Error{.kind = Error::Kind::corrupt,
                 .message = "output " + output.name + " does not answer " + count_text(rows, "row"),
                 .hint = ""};
  }
  std::vector<RowAnswer> answers(rows);
  const auto width = size / rows;
  for (std::size_t i = 0; i < size; ++i) {
    if (output.datatype == "BYTES")
      answers[i / width].text = output.texts[i];
    else
      answers[i / width].values.push_back(output.numbers[i]);
  }
  return answers;
}

class AccuracyRun {
 public:
  AccuracyRun(const AccuracyConfig& config, const AccuracyInput& input)
      : config_(config), input_(input), whole_(config.metric), slices_(config.slices.size()) {}

  // ok() also when a version is at fault: failure() says so then. Error is the file's fault, or an interruption.
  Status run(Holdout& holdout, Progress& progress) {
    std::vector<HoldoutRow> rows;
    for (std::uint64_t count = 0;;) {
      auto row = holdout.next();
      if (!row) return row.error();
      if (*row) rows.push_back(std::move(**row));
      if (rows.size() == batch_rows || (!*row && !rows.empty())) {
        if (interrupted()) return interrupted_error();
        if (auto status = ask_both(rows); !status) return status.error();
        if (failure_) return ok();
        count += rows.size();
        if (count > most_rows) return usage(config_.data + ": more than 5,000,000 rows");
        progress.update(count_text(count, "row"));
        rows.clear();
      }
      if (!*row) return ok();
    }
  }

  struct Failure {
    Verdict verdict;
    std::string reason;
  };
  [[nodiscard]] const std::optional<Failure>& failure() const { return failure_; }
  [[nodiscard]] const PairedScore& whole() const { return whole_; }
  [[nodiscard]] const std::map<std::string, PairedScore>& slices(std::size_t column) const { return slices_[column]; }

 private:
  // Sets failure_ when the arm's answer is no use.
  Result<std::vector<RowAnswer>> ask(const Ask& ask, const std::vector<HoldoutRow>& rows, Verdict blame,
                                     const std::string& who) {
    Tensor tensor{
        .name = input_.input.name, .datatype = input_.input.datatype, .shape = {}, .numbers = {}, .texts = {}};
    tensor.shape = {static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(rows.front().features.size())};
    for (const auto& row : rows) tensor.numbers.insert(tensor.numbers.end(), row.features.begin(), row.features.end());
    auto answer = ask({tensor});
    if (answer) {
      auto split = rows_of(*answer, rows.size());
      if (split) return split;
      failure_ = Failure{blame, who + ": " + split.error().message};
      return split.error();
    }
    if (answer.error().kind != Error::Kind::interrupted) failure_ = Failure{blame, who + ": " + answer.error().message};
    return answer.error();
  }

  Status ask_both(const std::vector<HoldoutRow>& rows) {
    auto candidate = ask(input_.candidate, rows, Verdict::fail, "the candidate");
    if (!candidate) return failure_ ? ok() : Status(candidate.error());
    Result<std::vector<RowAnswer>> baseline = *candidate;
    if (input_.baseline) baseline = ask(*input_.baseline, rows, Verdict::error, "the baseline");
    if (!baseline) return failure_ ? ok() : Status(baseline.error());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (auto status = add(rows[i], (*candidate)[i], (*baseline)[i]); !status) return status;
    }
    return ok();
  }

  Status add(const HoldoutRow& row, const RowAnswer& candidate, const RowAnswer& baseline) {
    const auto a = whole_.value_of(row.label, candidate.values, candidate.text);
    const auto b = whole_.value_of(row.label, baseline.values, baseline.text);
    for (const auto* value : {&a, &b}) {
      if (*value) continue;
      if (value->error().kind == Error::Kind::usage) return value->error().context(config_.data);
      const bool candidates = value == &a;
      failure_ = Failure{candidates ? Verdict::fail : Verdict::error,
                         (candidates ? "the candidate: " : "the baseline: ") + value->error().message};
      return ok();
    }
    whole_.add(*a, *b);
    for (std::size_t column = 0; column < row.slices.size(); ++column) {
      auto& scores = slices_[column];
      if (scores.size() == most_slices && !scores.count(row.slices[column])) {
        return usage(config_.data + ": column " + config_.slices[column] + " has more than 100 different values");
      }
      scores.try_emplace(row.slices[column], config_.metric).first->second.add(*a, *b);
    }
    return ok();
  }

  const AccuracyConfig& config_;
  const AccuracyInput& input_;
  PairedScore whole_;
  std::vector<std::map<std::string, PairedScore>> slices_;  // by column, then value
  std::optional<Failure> failure_;
};

Metric difference_metric(const AccuracyConfig& config, const PairedScore::Outcome& outcome, const std::string& name) {
  const double sign = more_is_better(config.metric) ? 1 : -1;
  return {.name = name,
          .value = sign * (outcome.candidate - outcome.baseline),
          .unit = "",
          .interval = outcome.difference,
          .limit = -config.margin,
          .better = Better::more,
          .samples = outcome.samples,
          .note = std::string("better is positive; ") + (config.metric == AccuracyMetric::auc        ? "DeLong, paired"
                                                         : config.metric == AccuracyMetric::accuracy ? "Tango, paired"
                                                                                                     : "t, paired")};
}

Check judge_whole(const AccuracyConfig& config, const PairedScore& scores, bool compare) {
  const std::string metric = to_string(config.metric);
  Check check{.name = "accuracy", .verdict = Verdict::error, .reason = "", .findings = {}, .metrics = {}};
  const auto outcome = scores.outcome(gate_level);
  if (!outcome) {
    check.reason = config.data + ": no rows, or only one class: " + metric + " cannot be told";
    return check;
  }
  check.metrics.push_back({.name = metric + " candidate",
                           .value = outcome->candidate,
                           .unit = "",
                           .interval = {},
                           .limit = {},
                           .better = Better::more,
                           .samples = outcome->samples,
                           .note = ""});
  if (!compare) {
    check.verdict = Verdict::skipped;
    check.reason = first_version;
    return check;
  }
  check.metrics.push_back({.name = metric + " baseline",
                           .value = outcome->baseline,
                           .unit = "",
                           .interval = {},
                           .limit = {},
                           .better = Better::more,
                           .samples = outcome->samples,
                           .note = ""});
  check.metrics.insert(check.metrics.begin(), difference_metric(config, *outcome, metric + " difference"));
  check.verdict = non_inferior(outcome->difference, config.margin);
  check.reason = metric + " " + number_text(outcome->candidate) + " against the baseline's " +
                 number_text(outcome->baseline) + ", at most " + number_text(config.margin) + " worse is accepted";
  if (!outcome->too_few.empty()) {
    check.reason += "; too few examples to tell: " + outcome->too_few;
  } else if (check.verdict == Verdict::inconclusive) {
    const double error = (outcome->difference.high - outcome->difference.low) / 3.29;  // 90 %: 2 * 1.645
    const double times = longer_by(error, check.metrics.front().value + config.margin);
    check.reason += "; the interval does not decide";
    if (std::isfinite(times) && times < 1000) {
      check.reason += ": about " +
                      std::to_string(static_cast<std::uint64_t>(
                          std::ceil(static_cast<double>(outcome->samples) * std::max(times, 1.2)))) +
                      " examples would";
    }
  }
  return check;
}

// Slices are often too small to show that nothing is worse; what they can show is that something certainly is. Each
// gets its share of the error probability (Bonferroni).
Check judge_slices(const AccuracyConfig& config, const std::string& column,
                   const std::map<std::string, PairedScore>& slices) {
  Check check{
      .name = "accuracy.slices." + column, .verdict = Verdict::pass, .reason = "", .findings = {}, .metrics = {}};
  const double level = 1 - (1 - gate_level) / static_cast<double>(slices.size());
  std::size_t judged = 0;
  for (const auto& [value, scores] : slices) {
    const auto outcome = scores.outcome(level);
    if (!outcome) continue;
    if (outcome->too_few.empty()) ++judged;
    check.metrics.push_back(difference_metric(config, *outcome, column + "=" + value));
    if (non_inferior(outcome->difference, config.margin) != Verdict::fail) continue;
    check.verdict = Verdict::fail;
    check.reason += (check.reason.empty() ? "certainly worse on " : ", ") + column + "=" + value;
  }
  if (judged == 0) {
    check.verdict = Verdict::inconclusive;
    check.reason = "none of " + count_text(slices.size(), "slice") + " could be told: too few examples in each";
  } else if (check.verdict == Verdict::pass) {
    check.reason = "certainly worse on none of " + count_text(slices.size(), "slice");
    if (judged < slices.size()) check.reason += ", " + std::to_string(slices.size() - judged) + " could not be told";
  }
  return check;
}

}  // namespace

Result<std::vector<Check>> check_accuracy(const AccuracyConfig& config, Holdout& holdout, const AccuracyInput& input,
                                          Progress& progress) {
  AccuracyRun run(config, input);
  if (auto status = run.run(holdout, progress); !status) return status.error();
  std::vector<Check> checks;
  if (const auto& failure = run.failure()) {
    checks.push_back(
        {.name = "accuracy", .verdict = failure->verdict, .reason = failure->reason, .findings = {}, .metrics = {}});
    return checks;
  }
  checks.push_back(judge_whole(config, run.whole(), input.baseline.has_value()));
  for (std::size_t column = 0; column < config.slices.size(); ++column) {
    if (input.baseline) {
      checks.push_back(judge_slices(config, config.slices[column], run.slices(column)));
    } else {
      checks.push_back({.name = "accuracy.slices." + config.slices[column],
                        .verdict = Verdict::skipped,
                        .reason = std::string(first_version),
                        .findings = {},
                        .metrics = {}});
    }
  }
  return checks;
}

}  // namespace mlctl::validate
