#include "release/steps.h"

#include <algorithm>
#include <array>
#include <utility>

namespace mlctl::release {
namespace {

constexpr std::array<std::pair<StepKind, const char*>, 9> names{{{StepKind::resolve, "resolve"},
                                                                 {StepKind::push, "push"},
                                                                 {StepKind::validate, "validate"},
                                                                 {StepKind::gpu, "gpu"},
                                                                 {StepKind::gate, "gate"},
                                                                 {StepKind::render, "render"},
                                                                 {StepKind::assign, "assign"},
                                                                 {StepKind::apply, "apply"},
                                                                 {StepKind::report, "report"}}};

// Length before text: no two different lists of parts give the same bytes.
void add(Sha256& hash, std::string_view text) {
  hash.update(std::to_string(text.size()) + ":");
  hash.update(text);
}

}  // namespace

const char* to_string(StepKind kind) {
  for (const auto& [value, name] : names)
    if (value == kind) return name;
  return "";
}

std::optional<StepKind> parse_step_kind(std::string_view text) {
  for (const auto& [value, name] : names)
    if (text == name) return value;
  return std::nullopt;
}

std::string to_string(const Step& step) {
  return step.environment.empty() ? to_string(step.kind) : to_string(step.kind) + (" " + step.environment);
}

validate::Verdict verdict_of(const Release& release) {
  if (release.outcomes.empty()) return validate::Verdict::error;  // nothing was done, whatever was planned
  auto verdict = validate::Verdict::pass;
  for (const auto& outcome : release.outcomes) verdict = validate::worst(verdict, outcome.verdict);
  const bool whole = release.outcomes.size() >= release.plan.size();
  return verdict == validate::Verdict::pass && !whole ? validate::Verdict::error : verdict;
}

std::vector<Step> plan_steps(const std::vector<std::string>& environments, bool gpu) {
  std::vector<Step> steps{{StepKind::resolve, ""}, {StepKind::push, ""}, {StepKind::validate, ""}};
  if (gpu) steps.push_back({StepKind::gpu, ""});
  for (const auto& environment : environments)
    for (const auto kind : {StepKind::gate, StepKind::render, StepKind::assign, StepKind::apply})
      steps.push_back({kind, environment});
  steps.push_back({StepKind::report, ""});
  return steps;
}

std::string key_of(const KeyParts& parts) {
  Sha256 hash;
  add(hash, to_string(parts.step));
  add(hash, to_string(parts.candidate));
  add(hash, parts.baseline ? to_string(*parts.baseline) : "none");
  add(hash, parts.configuration);
  for (const auto& [path, digest] : parts.data) {
    add(hash, path);
    add(hash, to_string(digest));
  }
  add(hash, parts.version);
  return hash.finish().hex();
}

const Outcome* find_answer(const std::vector<Outcome>& done, StepKind step, const std::string& key) {
  for (const auto& outcome : done)
    if (outcome.step.kind == step && outcome.key == key && outcome.verdict == validate::Verdict::pass) return &outcome;
  return nullptr;
}

Result<std::vector<std::string>> release_order(const std::vector<After>& environments) {
  const auto known = [&](const std::string& name) {
    return std::any_of(environments.begin(), environments.end(), [&](const After& e) { return e.name == name; });
  };
  for (const auto& environment : environments)
    if (!environment.after.empty() && !known(environment.after))
      return Error{Error::Kind::usage,
                   "environment " + environment.name + " comes after '" + environment.after + "', which is none", ""};
  std::vector<std::string> order;
  const auto placed = [&](const std::string& name) {
    return std::find(order.begin(), order.end(), name) != order.end();
  };
  while (order.size() < environments.size()) {
    const auto next = std::find_if(environments.begin(), environments.end(), [&](const After& e) {
      return !placed(e.name) && (e.after.empty() || placed(e.after));
    });
    if (next == environments.end())
      return Error{Error::Kind::usage, "the environments come after one another in a circle",
                   "look at `after:` in mlctl.yaml"};
    order.push_back(next->name);
  }
  return order;
}

}  // namespace mlctl::release
