// The chain as data: which steps a release has, and the key by which a step's answer may be used again.
// resolve -> push -> validate -> gpu -> per environment, in order {gate -> render -> assign -> apply -> wait} -> report
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "base/result.h"
#include "validate/report.h"

namespace mlctl::release {

enum class StepKind { resolve, push, validate, gpu, gate, render, assign, apply, report };
[[nodiscard]] const char* to_string(StepKind kind);
[[nodiscard]] std::optional<StepKind> parse_step_kind(std::string_view text);

struct Step {
  StepKind kind = StepKind::resolve;
  std::string environment;  // of gate, render, assign and apply
  auto operator<=>(const Step&) const = default;
};
[[nodiscard]] std::string to_string(const Step& step);  // "validate", "gate staging"

// What happened in a step. `facts` are for machines and for audit: "assignment", "commit", "tag".
struct Outcome {
  Step step;
  std::string key;  // hex; empty for steps that are always done again (they find by themselves what is there)
  validate::Verdict verdict = validate::Verdict::skipped;
  std::string summary;      // one line
  std::string reused_from;  // "an earlier run", "staging": not done now
  std::vector<std::string> notes;
  std::map<std::string, std::string> facts;
  std::optional<validate::Report> report;
  WallTime started{}, finished{};
};

struct Release {
  std::string model, version, digest, image, commit, tag;
  std::vector<Step> plan;
  std::vector<Outcome> outcomes;  // in the order done; fewer than the plan when it stopped
  WallTime started{}, finished{};
};
// pass only when every planned step passed; otherwise the verdict of the step that stopped it.
[[nodiscard]] validate::Verdict verdict_of(const Release& release);

// `environments` in the order of release. Pure.
[[nodiscard]] std::vector<Step> plan_steps(const std::vector<std::string>& environments, bool gpu);

// Everything that a step's answer depends on. The environment's name is not in it: the same question is not asked twice
// (docs/decisions/0003).
struct KeyParts {
  StepKind step = StepKind::validate;
  Digest candidate;
  std::optional<Digest> baseline;
  std::string configuration;           // canonical JSON
  std::map<std::string, Digest> data;  // by path
  std::string version;                 // of mlctl
};
[[nodiscard]] std::string key_of(const KeyParts& parts);

// The passed answer to the same question among what was done before, or nullptr.
[[nodiscard]] const Outcome* find_answer(const std::vector<Outcome>& done, StepKind step, const std::string& key);

// Names by `after:`; environments that are not after another keep the order of the file. Error{usage}: a cycle, an
// `after:` that names none.
struct After {
  std::string name, after;
};
[[nodiscard]] Result<std::vector<std::string>> release_order(const std::vector<After>& environments);

}  // namespace mlctl::release
