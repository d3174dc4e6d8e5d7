#include "validate/parity.h"

#include <algorithm>
#include <cmath>

namespace mlctl::validate {
namespace {

constexpr std::size_t most_findings = 20;

std::string shape_text(const Tensor& tensor) {
  std::string text = tensor.datatype + " [";
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) text += (i > 0 ? ", " : "") + std::to_string(tensor.shape[i]);
  return text + "]";
}

std::string difference(const Tensor& golden, const Tensor& answer, const ParityConfig& config, double& worst) {
  const auto where = "output " + golden.name;
  if (golden.datatype != answer.datatype || golden.shape != answer.shape) {
    return where + " is " + shape_text(answer) + ", golden is " + shape_text(golden);
  }
  if (golden.texts != answer.texts) return where + ": texts differ";
  std::string first;
  for (std::size_t i = 0; i < golden.numbers.size(); ++i) {
    const double apart = std::abs(golden.numbers[i] - answer.numbers[i]);
    worst = std::max(worst, apart);
    if (first.empty() && apart > config.absolute + config.relative * std::abs(golden.numbers[i])) {
      first = where + "[" + std::to_string(i) + "] is " + number_text(answer.numbers[i]) + ", golden is " +
              number_text(golden.numbers[i]) + ", " + number_text(apart) + " apart";
    }
  }
  return first;
}

}  // namespace

std::string difference(const std::vector<Tensor>& golden, const std::vector<Tensor>& answer, const ParityConfig& config,
                       double& worst) {
  if (golden.size() != answer.size()) {
    return std::to_string(answer.size()) + " outputs, golden has " + std::to_string(golden.size());
  }
  for (const auto& expected : golden) {
    const auto found =
        std::find_if(answer.begin(), answer.end(), [&](const Tensor& tensor) { return tensor.name == expected.name; });
    if (found == answer.end()) return "output " + expected.name + " is missing";
    if (auto text = difference(expected, *found, config, worst); !text.empty()) return text;
  }
  return {};
}

Result<Check> check_parity(const ParityConfig& config, const std::vector<GoldenCase>& cases, const Ask& ask) {
  Check check{.name = "parity", .verdict = Verdict::pass, .reason = "", .findings = {}, .metrics = {}};
  double worst = 0;
  std::size_t wrong = 0;
  for (const auto& golden : cases) {
    auto answer = ask(golden.inputs);
    if (!answer && answer.error().kind == Error::Kind::interrupted) return answer.error();
    const auto text = answer ? difference(golden.outputs, *answer, config, worst) : answer.error().message;
    if (text.empty()) continue;
    ++wrong;
    if (check.findings.size() < most_findings) {
      check.findings.push_back({.rule = "golden-case",
                                .severity = Severity::high,
                                .file = config.cases,
                                .message = golden.name + ": " + text,
                                .hint = ""});
    }
  }
  check.metrics.push_back({.name = "largest difference",
                           .value = worst,
                           .unit = "",
                           .interval = {},
                           .limit = {},
                           .better = Better::less,
                           .samples = cases.size(),
                           .note = "tolerance " + number_text(config.absolute) + " + " + number_text(config.relative) +
                                   " of the golden value"});
  if (wrong > 0) check.verdict = Verdict::fail;
  const auto all = count_text(cases.size(), "golden case");
  if (wrong > 0)
    check.reason = std::to_string(wrong) + " of " + all + (cases.size() == 1 ? " differs" : " differ");
  else
    check.reason = all + (cases.size() == 1 ? " agrees" : " agree");
  return check;
}

}  // namespace mlctl::validate
