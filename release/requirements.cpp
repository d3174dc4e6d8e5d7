#include "release/requirements.h"

#include <algorithm>
#include <vector>

#include "registry/evidence.h"
#include "release/statement.h"

namespace mlctl::release {
namespace {

using registry::Evidence;
using registry::EvidenceKind;
using validate::Verdict;

// That the server got ready says nothing about what it answers.
bool answered_something(const validate::Report& report) {
  return std::any_of(report.checks.begin(), report.checks.end(), [](const auto& check) {
    return check.verdict == Verdict::pass && !check.name.starts_with("server");
  });
}

// The gate of another environment does not count: it may have asked less. A release that used one answer for two
// environments, because the question was the same, has stated it for both (release/step_gate.cpp). One pass is enough,
// as it is for a release that is run again, and a fail beside it stays to be seen in `mlctl audit`.
bool passed_gate(const Evidence& evidence, const std::string& environment) {
  if (evidence.kind != EvidenceKind::gate) return false;
  const auto stated = stated_in(evidence);
  return stated && stated->verdict == Verdict::pass && stated->environment == environment && stated->report &&
         answered_something(*stated->report);
}

bool passed_gpu(const Evidence& evidence) {
  return evidence.kind == EvidenceKind::gpu && verdict_of(evidence) == Verdict::pass;
}

Error lacks(const std::string& environment, const std::string& version, const std::string& what,
            const std::string& passed) {
  return {Error::Kind::denied,
          "environment " + environment + " requires " + what + ", and " + version + " has no passed " + passed,
          "`mlctl release " + version + "`"};
}

}  // namespace

bool is_required(const deploy::Environment& environment, std::string_view kind) {
  const auto& needs = environment.requirements;
  return std::find(needs.begin(), needs.end(), kind) != needs.end();
}

Status check_requirements(const deploy::Environment& environment) {
  if (is_required(environment, "signature"))
    return Error{
        Error::Kind::usage,
        "environment " + environment.name + " requires a signature, and this version of mlctl does not sign evidence",
        "remove `signature` from its `requires:` in mlctl.yaml until mlctl can sign"};
  return ok();
}

bool asks_nothing(const validate::GateConfig& gate) {
  return !gate.accuracy && !gate.parity && !gate.load;
}

Status check_gate_asks(const deploy::Environment& environment, const validate::GateConfig& gate,
                       const std::string& version) {
  if (!is_required(environment, "gate") || !asks_nothing(gate)) return ok();
  return Error{Error::Kind::usage,
               "environment " + environment.name + " requires a gate, and that of " + version +
                   " asks nothing: no accuracy, no parity, no load",
               "give it `gate: {parity: …}` or `gate: {accuracy: …}` in its model.yaml, and register that"};
}

Status check_evidence(registry::Store& store, const deploy::Environment& environment, const registry::ModelName& model,
                      const registry::Version& version, const Digest& digest) {
  const bool gate = is_required(environment, "gate"), gpu = is_required(environment, "gpu");
  if (!gate && !gpu) return ok();
  auto there = registry::evidence(store, model, digest);
  if (!there) return there.error().context("what environment " + environment.name + " requires cannot be looked up");
  const auto name = to_string(model) + "@" + to_string(version);
  if (gate && std::none_of(there->begin(), there->end(),
                           [&](const Evidence& one) { return passed_gate(one, environment.name); }))
    return lacks(environment.name, name, "a gate", "gate for it");
  if (gpu && std::none_of(there->begin(), there->end(), passed_gpu))
    return lacks(environment.name, name, "a check of the GPU", "one");
  return ok();
}

}  // namespace mlctl::release
