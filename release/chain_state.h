// What the steps of one release share while it runs. Internal to release/.
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/filesystem.h"
#include "base/lock.h"
#include "registry/files.h"
#include "registry/intent.h"
#include "registry/tags.h"
#include "release/chain.h"
#include "release/requirements.h"
#include "validate/gate_config.h"

namespace mlctl::release {

struct EnvironmentState {
  const deploy::Environment* environment = nullptr;
  Node config;  // of the candidate, merged
  validate::GateConfig gate;
  Circumstances circumstances;  // by which its requirements are measured
  std::optional<registry::Assignment> baseline;
  std::uint64_t seen = 0;       // the stage's newest N when the baseline was chosen
  std::int64_t assignment = 0;  // N, once taken
};

struct Chain {
  const Project& project;
  const Request& request;
  const Seams& seams;
  registry::ModelTags tags;
  Release release;
  std::vector<Outcome> earlier;

  ModelEntry model;                // by the model.yaml of the tag's commit
  std::vector<std::string> order;  // of environments
  std::map<std::string, EnvironmentState> environments;
  Digest digest, image;
  std::filesystem::path work;    // of this release alone
  std::optional<FileLock> lock;  // on it
};

// Each step: what it did, or why it could not. A verdict other than pass stops the release.
using StepResult = Result<Outcome>;
[[nodiscard]] StepResult resolve_step(Chain& chain);
[[nodiscard]] StepResult push_step(Chain& chain);
[[nodiscard]] StepResult validate_step(Chain& chain);
[[nodiscard]] StepResult gpu_step(Chain& chain);
[[nodiscard]] StepResult gate_step(Chain& chain, EnvironmentState& state);
[[nodiscard]] StepResult render_step(Chain& chain, EnvironmentState& state);
[[nodiscard]] StepResult assign_step(Chain& chain, EnvironmentState& state);
[[nodiscard]] StepResult apply_step(Chain& chain, EnvironmentState& state);
[[nodiscard]] StepResult report_step(Chain& chain);

// Traffic step by step to what `owner` should serve: begins, or goes on with what is on its way. Pass: promoted; fail:
// aborted, and the way back is taken in git; inconclusive: paused.
[[nodiscard]] StepResult roll_out(Chain& chain, EnvironmentState& state, const deploy::OwnerPlan& owner,
                                  const deploy::Connection& there);

// What became of the rollout of the release's assignment that has ended so; takes the number back where it was aborted.
[[nodiscard]] Outcome rolled_out(Chain& chain, const EnvironmentState& state, const deploy::Connection& there,
                                 const deploy::ModelState& end);

// The way back of a release that failed after taking N: the version before under the next N, this one denied, in git
// and in the cluster. What became of it, in a line.
[[nodiscard]] std::string take_back(Chain& chain, const EnvironmentState& state, const deploy::Connection& there);

// Whether the cluster answers, and would take a new version: asked before the gate's minutes.
[[nodiscard]] Status check_cluster(Chain& chain, const EnvironmentState& state);

// What a person is asked where the environment wants it.
[[nodiscard]] std::string question_of(const Chain& chain, const std::string& environment);
[[nodiscard]] registry::AssignRequest assignment_of(const Chain& chain, const EnvironmentState& state,
                                                    const Digest& digest);

// Puts the version with this digest into `folder`: from the registry, else packed again from its tag's commit, which
// must give the digest (Error{corrupt}).
struct Wanted {
  registry::Version version;
  std::string commit;
  std::optional<Digest> digest;
};
[[nodiscard]] Result<Digest> materialise(Chain& chain, const ModelEntry& model, const Wanted& wanted,
                                         const std::filesystem::path& folder);

}  // namespace mlctl::release
