#include "release/statement.h"

#include <nlohmann/json.hpp>

#include "base/document.h"

namespace mlctl::release {
namespace {

constexpr const char* section = "mlctl";

std::string text(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// Of a statement about one thing; "" of one about several.
std::string subject_name(const nlohmann::json& statement) {
  const auto subject = statement.find("subject");
  const bool one = subject != statement.end() && subject->is_array() && subject->size() == 1;
  return one && subject->front().is_object() ? text(subject->front(), "name") : "";
}

// It says the same thing several times, for other tools too; who changed one of them is believed in none.
bool contradicts_itself(const nlohmann::json& predicate, const Stated& stated) {
  const bool passed = stated.verdict == validate::Verdict::pass;
  if (text(predicate, "result") != (passed ? "PASSED" : "FAILED")) return true;
  if (const auto failed = predicate.find("failedTests"); passed && failed != predicate.end() && !failed->empty())
    return true;
  return passed && stated.report && validate::overall(*stated.report) != validate::Verdict::pass;
}

}  // namespace

nlohmann::ordered_json statement_of(const registry::ModelName& model, const Digest& digest, registry::EvidenceKind kind,
                                    const Outcome& outcome) {
  registry::TestResult result;
  result.result = outcome.verdict == validate::Verdict::pass ? "PASSED" : "FAILED";
  for (const auto& check : outcome.report->checks)
    (check.verdict == validate::Verdict::pass   ? result.passed
     : check.verdict == validate::Verdict::fail ? result.failed
                                                : result.warned)
        .push_back(check.name);
  auto predicate = registry::test_result_predicate(result);
  predicate[section] = {{"kind", registry::to_string(kind)},
                        {"environment", outcome.step.environment},
                        {"verdict", validate::to_string(outcome.verdict)},
                        {"key", outcome.key},
                        {"report", validate::to_json(*outcome.report)}};
  return registry::make_statement(model, digest, registry::test_result, predicate);
}

std::optional<Stated> stated_in(const registry::Evidence& evidence) {
  if (evidence.predicate_type != registry::test_result) return std::nullopt;
  const auto statement = parse_json(evidence.statement, "evidence");
  if (!statement || !statement->is_object()) return std::nullopt;
  const auto predicate = statement->find("predicate");
  if (predicate == statement->end() || !predicate->is_object()) return std::nullopt;
  const auto ours = predicate->find(section);
  if (ours == predicate->end() || !ours->is_object()) return std::nullopt;
  const auto verdict = validate::parse_verdict(text(*ours, "verdict"));
  if (!verdict) return std::nullopt;
  Stated stated{.verdict = *verdict,
                .model = subject_name(*statement),
                .kind = text(*ours, "kind"),
                .environment = text(*ours, "environment"),
                .key = text(*ours, "key")};
  if (const auto report = ours->find("report"); report != ours->end())
    if (auto parsed = validate::report_from_json(*report)) stated.report = std::move(*parsed);
  return contradicts_itself(*predicate, stated) ? std::nullopt : std::optional(std::move(stated));
}

std::optional<validate::Verdict> verdict_of(const registry::Evidence& evidence) {
  const auto stated = stated_in(evidence);
  return stated ? std::optional(stated->verdict) : std::nullopt;
}

}  // namespace mlctl::release
