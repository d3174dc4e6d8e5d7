#include "release/verification.h"

#include <algorithm>

#include "registry/query.h"
#include "release/requirements.h"
#include "release/trust.h"

namespace mlctl::release {
namespace {

using registry::Trusted;

// What is asked for in the environment's name, by the trust that was chosen.
Status ask_policy(registry::Store& store, const deploy::Environment& environment, const Found& found,
                  const Circumstances& circumstances, Verified& verified) {
  const auto shown =
      to_string(found.model) + "@" + (found.version ? to_string(*found.version) : to_string(found.digest));
  for (const auto& requirement : environment.requirements) {
    deploy::Environment one = environment;
    one.requirements = {requirement};
    const auto check = requirement == "signature" ? check_signature : check_evidence;
    const auto met = check(store, one, found.model, found.digest, shown, circumstances);
    if (!met && met.error().kind != Error::Kind::denied) return met;
    verified.policy.push_back({requirement, met ? "" : met.error().message});
  }
  return ok();
}

// A signature that is not over what it stands beside is a sign of tampering, whoever is trusted.
void add_evidence_problems(Verified& verified) {
  for (const auto& one : verified.evidence)
    if (one.signature.trusted == Trusted::invalid)
      verified.report.problems.push_back("evidence " + to_string(one.digest) + ": " + one.signature.why);
}

}  // namespace

bool is_whole(const Verified& verified) {
  return verified.report.problems.empty();
}

bool is_signed(const Verified& verified) {
  return std::any_of(verified.signatures.begin(), verified.signatures.end(), registry::covers_version);
}

bool holds(const Verified& verified) {
  const bool met = std::all_of(verified.policy.begin(), verified.policy.end(),
                               [](const auto& answer) { return answer.unmet.empty(); });
  return is_whole(verified) && (verified.trust.empty() || is_signed(verified)) && met;
}

Result<Verified> verify_all(const Project& project, registry::Store& store, const std::vector<registry::GitTag>* tags,
                            const Found& found, const VerifyRequest& request) {
  Verified verified;
  verified.model = found.model;
  verified.digest = found.digest;
  verified.shown = to_string(found.model) + (found.version ? " " + to_string(*found.version) : "");
  verified.environment = request.environment;
  auto configured = request.trust ? Result(request.trust) : trust_of(project, request.environment);
  if (!configured) return configured.error();
  if (*configured) verified.trust = request.trust ? "the command line" : "mlctl.yaml";
  const auto trust = configured->value_or(registry::Trust{});

  std::optional<Circumstances> circumstances;
  const deploy::Environment* environment = nullptr;
  if (!request.environment.empty()) {
    auto known = find_environment(project, request.environment);
    if (!known) return known.error();
    environment = *known;
    if (request.trust) {
      circumstances = Circumstances{request.trust, !project.registry.empty(), project.root, request.now};
    } else {
      auto around = circumstances_of(project, *environment, request.now);
      if (!around) return around.error();
      circumstances = std::move(*around);
    }
  }
  auto verification = verify_version(store, tags, found);
  if (!verification) return verification.error();
  verified.report = std::move(verification->report);
  verified.notes = std::move(verification->notes);
  auto signatures = registry::signatures(store, found.model, found.digest, trust, request.now);
  if (!signatures) return signatures.error();
  verified.signatures = std::move(*signatures);
  // What of it is broken stands in the report already.
  if (auto evidence = registry::evidence(store, found.model, found.digest, trust, request.now))
    verified.evidence = std::move(*evidence);
  else if (evidence.error().kind != Error::Kind::corrupt && evidence.error().kind != Error::Kind::not_found)
    return evidence.error();
  add_evidence_problems(verified);
  if (environment != nullptr)
    if (auto asked = ask_policy(store, *environment, found, *circumstances, verified); !asked) return asked.error();
  return verified;
}

}  // namespace mlctl::release
