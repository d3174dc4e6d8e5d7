// The steps that measure: is this machine's GPU fit, and is the candidate as good as what it would replace?
#include <algorithm>
#include <nlohmann/json.hpp>

#include "registry/evidence.h"
#include "registry/query.h"
#include "release/chain_state.h"
#include "release/files.h"
#include "release/gate_data.h"
#include "release/requirements.h"
#include "release/statement.h"
#include "release/work.h"
#include "validate/gate.h"

namespace mlctl::release {
namespace {

using validate::Verdict;

std::string gate_configuration(const Node& config) {
  nlohmann::ordered_json json;
  for (const char* path : {"gate", "serving.local", "serving.runtime"})
    if (const Node* node = find_path(config, path)) json[path] = to_json(*node);
  return json.dump();
}

// The version that the environment runs, by its own model.yaml, in `folder`.
Result<validate::GateArm> baseline_arm(Chain& chain, const EnvironmentState& state,
                                       const std::filesystem::path& folder) {
  const auto& baseline = *state.baseline;
  auto now = find_model(chain.project, chain.release.model);
  if (!now) return now.error();
  auto model = model_at(chain.project, chain.seams.git, **now, baseline.commit);
  if (!model) return model.error();
  auto digest = materialise(chain, *model, {baseline.version, baseline.commit, baseline.digest}, folder);
  if (!digest) return digest.error().context("baseline " + to_string(baseline.version));
  auto config = merged(chain.project, *model, state.environment->name);
  if (!config) return config.error();
  auto local = validate::decode_local(*config);
  if (!local) return local.error();
  return validate::GateArm{folder, to_string(baseline.version), to_string(*digest), std::move(*local)};
}

Result<bool> is_stated(Chain& chain, const Outcome& outcome) {
  const auto& signer = chain.request.signer;
  auto there = registry::evidence(chain.seams.store, chain.model.name, chain.digest,
                                  signer ? registry::own_trust(*signer) : registry::Trust{}, chain.seams.clock.wall());
  if (!there) return there.error();
  const auto wanted = signer ? registry::Trusted::valid : registry::Trusted::unsigned_;
  return std::any_of(there->begin(), there->end(), [&](const auto& evidence) {
    if (evidence.signature.trusted != wanted) return false;
    const auto stated = stated_in(evidence);
    return stated && stated->key == outcome.key && stated->environment == outcome.step.environment &&
           stated->verdict == outcome.verdict;
  });
}

// An answer that is used again is stated for this environment too, once: `mlctl assign` asks the registry, which says
// of each statement for which environment it was made.
StepResult reuse(Chain& chain, const Outcome& answer, const std::string& environment, const std::string& from) {
  Outcome outcome = answer;
  outcome.step.environment = environment;
  outcome.reused_from = from;
  auto stated = is_stated(chain, outcome);
  if (!stated) return stated.error();
  if (*stated) return outcome;
  if (auto attached = attach_report(chain, registry::EvidenceKind::gate, outcome); !attached) return attached.error();
  return outcome;
}

// A record without its report says nothing that could be stated: then it is measured again.
const Outcome* find_reported(const std::vector<Outcome>& done, const std::string& key) {
  const auto* answer = find_answer(done, StepKind::gate, key);
  return answer != nullptr && answer->report ? answer : nullptr;
}

std::string summary_of(const EnvironmentState& state, const validate::Report& report) {
  if (validate::overall(report) != Verdict::pass) return first_reason(report);
  if (asks_nothing(state.gate)) return "nothing is asked: no accuracy, parity or load in its gate";
  return state.baseline ? "against " + to_string(state.baseline->version)
                        : "the first version: nothing to compare with";
}

Result<validate::Report> measure(Chain& chain, const EnvironmentState& state, const std::filesystem::path& data,
                                 const std::optional<validate::GateArm>& baseline) {
  validate::GateInput input;
  input.model = chain.release.model;
  input.environment = state.environment->name;
  input.candidate = {chain.work / "candidate", chain.release.version, chain.release.digest, state.gate.local};
  input.baseline = baseline;
  input.data = data;
  input.work = chain.work / "gate";
  input.config = state.gate;
  input.seed = chain.request.seed;
  return validate::run_gate(
      input, {chain.seams.http, chain.seams.multiplexer, chain.seams.clock, chain.seams.progress, chain.seams.gpus});
}

}  // namespace

StepResult gate_step(Chain& chain, EnvironmentState& state) {
  const auto& environment = state.environment->name;
  const auto data = chain.work / ("data-" + environment);
  auto digests = gate_data(chain.project, chain.seams.git, chain.model, chain.release.commit, state.gate, data);
  if (!digests) return digests.error();
  std::optional<validate::GateArm> baseline;
  if (state.baseline) {
    auto arm = baseline_arm(chain, state, chain.work / ("baseline-" + environment));
    if (!arm) return arm.error();
    baseline = std::move(*arm);
  }
  KeyParts parts{.step = StepKind::gate,
                 .candidate = chain.digest,
                 .configuration = gate_configuration(state.config),
                 .data = *digests,
                 .version = MLCTL_VERSION};
  if (baseline) {
    auto digest = parse_digest(baseline->digest);
    if (!digest) return digest.error();
    parts.baseline = *digest;
  }
  const auto key = key_of(parts);
  if (const Outcome* answer = find_reported(chain.release.outcomes, key))
    return reuse(chain, *answer, environment, answer->step.environment);
  if (const Outcome* answer = find_reported(chain.earlier, key))
    return reuse(chain, *answer, environment, "an earlier run");

  auto report = measure(chain, state, data, baseline);
  if (!report) return report.error();
  Outcome outcome{.step = {StepKind::gate, environment}, .key = key, .verdict = validate::overall(*report)};
  outcome.summary = summary_of(state, *report);
  outcome.report = std::move(*report);
  if (auto attached = attach_report(chain, registry::EvidenceKind::gate, outcome); !attached) return attached.error();
  return outcome;
}

}  // namespace mlctl::release
