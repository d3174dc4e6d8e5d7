#include "release/requirements.h"

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "base/terminal.h"
#include "release/local_evidence.h"
#include "release/statement.h"
#include "release/trust.h"

namespace mlctl::release {
namespace {

using registry::Evidence;
using registry::EvidenceKind;
using registry::Trusted;
using validate::Verdict;

// That the server got ready says nothing about what it answers.
bool answered_something(const validate::Report& report) {
  return std::any_of(report.checks.begin(), report.checks.end(), [](const auto& check) {
    return check.verdict == Verdict::pass && !check.name.starts_with("server");
  });
}

// What is signed says itself what it is, and of which model; the annotation beside it is not signed.
bool is_of_kind(const Evidence& evidence, const Stated& stated, EvidenceKind kind, const registry::ModelName& model) {
  if (evidence.kind != kind || stated.model != to_string(model)) return false;
  const bool may_be_silent = evidence.signature.trusted == Trusted::unsigned_ && stated.kind.empty();
  return may_be_silent || stated.kind == registry::to_string(kind);
}

// The gate of another environment does not count: it may have asked less. A release that used one answer for two
// environments, because the question was the same, has stated it for both (release/step_gate.cpp). One pass is enough,
// as it is for a release that is run again, and a fail beside it stays to be seen in `mlctl audit`.
bool passed_gate(const Evidence& evidence, const registry::ModelName& model, const std::string& environment) {
  const auto stated = stated_in(evidence);
  return stated && is_of_kind(evidence, *stated, EvidenceKind::gate, model) && stated->verdict == Verdict::pass &&
         stated->environment == environment && stated->report && answered_something(*stated->report);
}

bool passed_gpu(const Evidence& evidence, const registry::ModelName& model) {
  const auto stated = stated_in(evidence);
  return stated && is_of_kind(evidence, *stated, EvidenceKind::gpu, model) && stated->verdict == Verdict::pass;
}

// `ignored`: why something that passed does not count; "" when nothing did.
Error lacks(const std::string& environment, const std::string& version, const std::string& what,
            const std::string& passed, const std::string& ignored) {
  std::string message =
      "environment " + environment + " requires " + what + ", and " + version + " has no passed " + passed;
  if (!ignored.empty()) message += " that counts: one passed, " + ignored;
  return {Error::Kind::denied, message, "`mlctl release " + version + "`"};
}

std::string in_words(const registry::SignatureState& state) {
  std::string text = to_string(state.trusted);
  if (!state.by.empty()) text += ", by " + state.by;
  return state.why.empty() ? text : text + ": " + state.why;
}

// ok() when one of them passed and counts.
template <typename Passed>
Status some_counts(const std::vector<Evidence>& there, const Digest& subject, const Circumstances& circumstances,
                   const Passed& passed, const std::function<Error(const std::string&)>& otherwise) {
  std::string ignored;
  for (const auto& one : there) {
    if (!passed(one)) continue;
    if (counts(one, subject, circumstances)) return ok();
    ignored = "made elsewhere, " + in_words(one.signature);
  }
  return otherwise(ignored);
}

}  // namespace

bool is_required(const deploy::Environment& environment, std::string_view kind) {
  const auto& needs = environment.requirements;
  return std::find(needs.begin(), needs.end(), kind) != needs.end();
}

Result<Circumstances> circumstances_of(const Project& project, const deploy::Environment& environment, WallTime now) {
  auto trust = trust_of(project, environment.name);
  if (!trust) return trust.error();
  if (is_required(environment, "signature") && !*trust)
    return Error{Error::Kind::usage,
                 "environment " + environment.name + " requires a signature, and nobody said whose counts",
                 "add `trust: {keys: [path.pem]}` to mlctl.yaml, with the public half of the key that signs"};
  return Circumstances{std::move(*trust), !project.registry.empty(), project.root, now};
}

bool counts(const Evidence& evidence, const Digest& subject, const Circumstances& circumstances) {
  switch (evidence.signature.trusted) {
    case Trusted::valid:
      return true;
    case Trusted::invalid:
      return false;
    case Trusted::unsigned_:
    case Trusted::untrusted:
      return (!circumstances.trust && circumstances.folder) ||
             is_local_evidence(circumstances.root, subject, evidence.digest);
  }
  return false;
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

Status check_signature(registry::Store& store, const deploy::Environment& environment, const registry::ModelName& model,
                       const Digest& digest, const std::string& shown, const Circumstances& circumstances) {
  if (!is_required(environment, "signature")) return ok();
  auto there =
      registry::signatures(store, model, digest, circumstances.trust.value_or(registry::Trust{}), circumstances.now);
  if (!there) return there.error().context("what environment " + environment.name + " requires cannot be looked up");
  std::string found;
  for (const auto& one : *there) {
    if (registry::covers_version(one)) return ok();
    found += "\n  " + one.kind + ": " + escape_control(in_words(one.state)) +
             (one.state.trusted == Trusted::valid ? ", but over the files alone" : "");
  }
  return Error{Error::Kind::denied,
               "environment " + environment.name + " requires a signature, and " + shown + " has no valid one" + found,
               "`mlctl sign " + shown + "` with a key that the `trust:` of mlctl.yaml names"};
}

Status check_evidence(registry::Store& store, const deploy::Environment& environment, const registry::ModelName& model,
                      const Digest& digest, const std::string& shown, const Circumstances& circumstances) {
  const bool gate = is_required(environment, "gate"), gpu = is_required(environment, "gpu");
  if (!gate && !gpu) return ok();
  auto there =
      registry::evidence(store, model, digest, circumstances.trust.value_or(registry::Trust{}), circumstances.now);
  if (!there) return there.error().context("what environment " + environment.name + " requires cannot be looked up");
  const auto gate_here = [&](const Evidence& one) { return passed_gate(one, model, environment.name); };
  if (gate)
    if (auto passed = some_counts(*there, digest, circumstances, gate_here,
                                  [&](const std::string& ignored) {
                                    return lacks(environment.name, shown, "a gate", "gate for it", ignored);
                                  });
        !passed)
      return passed;
  if (gpu)
    return some_counts(
        *there, digest, circumstances, [&](const Evidence& one) { return passed_gpu(one, model); },
        [&](const std::string& ignored) {
          return lacks(environment.name, shown, "a check of the GPU", "one", ignored);
        });
  return ok();
}

}  // namespace mlctl::release
