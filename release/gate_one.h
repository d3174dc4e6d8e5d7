// One gate outside a release: a folder or a version, against what an environment runs or what was named.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "registry/git.h"
#include "registry/sign.h"
#include "registry/store.h"
#include "release/project.h"
#include "validate/gate.h"
#include "validate/report.h"

namespace mlctl::release {

struct GateRequest {
  std::string subject;      // MODEL: its folder as it is now; or a reference
  std::string baseline;     // a reference; "": what the environment runs
  std::string environment;  // "": the last of the project
  std::uint64_t seed = 0;
  std::optional<registry::Signer> signer = {};  // of the evidence
};

struct GateAnswer {
  validate::Report report;
  validate::Verdict verdict = validate::Verdict::error;  // with what gate.accept accepts
  std::vector<std::string> notes;
};

// Records the report as evidence where the registry has the candidate's digest. `git` may be null: then there is no
// baseline but one that is named. Errors: as find_reference, validate::run_gate; Error{not_found} when the registry
// lacks the baseline's files.
[[nodiscard]] Result<GateAnswer> run_one_gate(const Project& project, registry::Store& store, registry::Git* git,
                                              const GateRequest& request, const validate::GateSeams& seams);

}  // namespace mlctl::release
