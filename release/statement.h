// What mlctl writes into a test result beside the standard's fields, and how it reads it back.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "registry/evidence.h"
#include "release/steps.h"
#include "validate/report.h"

namespace mlctl::release {

// The statement that an outcome makes about a digest. `outcome.report` must be there.
[[nodiscard]] nlohmann::ordered_json statement_of(const registry::ModelName& model, const Digest& digest,
                                                  registry::EvidenceKind kind, const Outcome& outcome);

struct Stated {
  validate::Verdict verdict = validate::Verdict::error;
  std::string model;        // that it is about: the same files may be another model's, whose gate asks less
  std::string kind;         // "gate", …: as the statement itself says, so that a signature covers it; "" in old ones
  std::string environment;  // of gates
  std::string key;
  std::optional<validate::Report> report;
};
// nullopt: not a test result of mlctl's, or one that contradicts itself.
[[nodiscard]] std::optional<Stated> stated_in(const registry::Evidence& evidence);
// Of a test result; nullopt for anything else.
[[nodiscard]] std::optional<validate::Verdict> verdict_of(const registry::Evidence& evidence);

}  // namespace mlctl::release
