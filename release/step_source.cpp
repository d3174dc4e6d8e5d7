// The steps before any environment: which version, its bytes in the registry, its bytes checked.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/interrupt.h"
#include "deploy/gitops.h"
#include "registry/evidence.h"
#include "registry/pull.h"
#include "registry/push.h"
#include "registry/query.h"
#include "release/baseline.h"
#include "release/chain_state.h"
#include "release/files.h"
#include "release/record.h"
#include "release/requirements.h"
#include "release/work.h"
#include "validate/files.h"
#include "validate/gate.h"

namespace mlctl::release {
namespace {

using validate::Verdict;

// What this version of mlctl cannot do, and what nobody could answer later, is said before anything is done.
Status can_be_released(const Chain& chain, const deploy::Environment& environment) {
  if (!environment.gitops && !environment.cluster)
    return Error{Error::Kind::usage,
                 "environment " + environment.name + " has neither a `cluster:` nor a `gitops:` folder",
                 "add `gitops: {path: …, branch: …}` to it in mlctl.yaml"};
  if (environment.confirm && chain.request.can_confirm)
    return chain.request.can_confirm(question_of(chain, environment.name));
  return ok();
}

// mlctl.yaml is the checkout's; a release must be able to name the commit that it came from.
Status project_is_committed(const registry::Git& git) {
  auto changed = git.dirty({"mlctl.yaml"});
  if (!changed) return changed.error();
  if (changed->empty()) return ok();
  return Error{Error::Kind::usage, "mlctl.yaml differs from the last commit",
               "commit it, or put it back: `git checkout mlctl.yaml`"};
}

Result<EnvironmentState> prepare(Chain& chain, const deploy::Environment& environment) {
  EnvironmentState state;
  state.environment = &environment;
  auto circumstances = circumstances_of(chain.project, environment, chain.seams.clock.wall());
  if (!circumstances) return circumstances.error();
  state.circumstances = std::move(*circumstances);
  if (auto can = can_be_released(chain, environment); !can) return can.error();
  auto config = merged(chain.project, chain.model, environment.name);
  if (!config) return config.error();
  state.config = std::move(*config);
  auto takes = environment.gitops ? deploy::check_branch(chain.seams.git, *environment.gitops, chain.request.push)
                                  : check_cluster(chain, state);
  if (!takes) return takes.error();
  auto gate = validate::decode_gate(state.config);
  if (!gate) return gate.error();
  state.gate = std::move(*gate);
  if (auto asks = check_gate_asks(environment, state.gate, chain.release.tag); !asks) return asks.error();
  if (const auto* newest = chain.tags.newest_event(environment.name)) state.seen = newest->what.counter.value_or(0);
  // A gate takes minutes: what would be refused after it is refused before. A tag without a digest waits for assign.
  if (const auto& digest = chain.request.target.tag.digest) {
    const auto wanted = assignment_of(chain, state, *digest);
    if (auto may = registry::check_assignable(chain.seams.git, chain.tags, wanted); !may) return may.error();
  }
  const auto& target = chain.request.target.tag;
  auto older = baselines(chain.seams.store, chain.tags, environment.name, {target.digest, target.version});
  if (!older) return older.error();
  if (!older->empty()) state.baseline = std::move(older->front());
  if (auto plan = validate::plan_gate(state.gate, state.baseline.has_value()); !plan)
    return plan.error().context("gate of " + environment.name);
  return state;
}

bool gpu_is_required(const EnvironmentState& state) {
  return is_required(*state.environment, "gpu") ||
         state.gate.gpu_required.value_or(find_path(state.config, "serving.gpu") != nullptr);
}

Status check_target(Chain& chain) {
  if (auto whole = registry::check_history(chain.seams.git); !whole) return whole.error();
  if (auto committed = project_is_committed(chain.seams.git); !committed) return committed.error();
  auto now = find_model(chain.project, to_string(chain.request.target.model));
  if (!now) return now.error();
  auto then = model_at(chain.project, chain.seams.git, **now, chain.request.target.tag.commit);
  if (!then) return then.error();
  chain.model = std::move(*then);
  return ok();
}

const registry::Signer* signer_of(const Chain& chain) {
  return chain.request.signer ? &*chain.request.signer : nullptr;
}

// What is known of the source, for files that come from the tag's commit.
Result<registry::PushMetadata> source_of_tag(const Chain& chain) {
  auto url = chain.seams.git.remote_url();
  if (!url) return url.error();
  registry::PushMetadata source;
  source.commit = chain.release.commit;
  source.repository = url->value_or("");
  source.builder = chain.request.builder;
  source.started = rfc3339(chain.release.started);
  source.signer = chain.request.signer;
  return source;
}

// Attached once per digest, by a key that signs here where there is one; another run of the same commit says nothing
// new.
Status attach_provenance(Chain& chain) {
  const auto trust = chain.request.signer ? registry::own_trust(*chain.request.signer) : registry::Trust{};
  const auto now = chain.seams.clock.wall();
  auto there = registry::evidence(chain.seams.store, chain.model.name, chain.digest, trust, now);
  if (!there) return there.error();
  const auto is_provenance = [&](const auto& e) {
    return e.kind == registry::EvidenceKind::provenance &&
           (chain.request.signer ? e.signature.trusted == registry::Trusted::valid
                                 : e.signature.trusted != registry::Trusted::invalid);
  };
  if (std::any_of(there->begin(), there->end(), is_provenance)) return ok();
  auto source = source_of_tag(chain);
  if (!source) return source.error();
  const registry::Provenance provenance{.repository = source->repository,
                                        .commit = source->commit,
                                        .version = chain.release.version,
                                        .builder = source->builder,
                                        .started = source->started,
                                        .finished = rfc3339(now)};
  return registry::attach_provenance(chain.seams.store, chain.model.name, chain.digest, provenance, signer_of(chain),
                                     now);
}

Error other_digest(const Chain& chain, const Digest& found, const std::string& where) {
  return {Error::Kind::denied,
          chain.release.tag + " records " + to_string(*chain.request.target.tag.digest) + ", " + where + " gives " +
              to_string(found),
          "a version never changes: register these files under another version"};
}

}  // namespace

Result<Digest> materialise(Chain& chain, const ModelEntry& model, const Wanted& wanted,
                           const std::filesystem::path& folder) {
  auto& store = chain.seams.store;
  auto known = registry::find_version(store, model.name, wanted.version);
  if (!known) return known.error();
  if (!*known) {
    auto files = files_at(chain.project, chain.seams.git, model, wanted.commit);
    if (!files) return files.error();
    auto packed = registry::pack_digest(*files);
    if (!packed) return packed.error();
    if (wanted.digest && packed->digest != *wanted.digest)
      return Error{Error::Kind::corrupt,
                   to_string(model.name) + " " + to_string(wanted.version) + ": its commit gives " +
                       to_string(packed->digest) + ", its tag records " + to_string(*wanted.digest),
                   "copy the registry's folder that it was pushed to, or release against another baseline"};
    auto pushed = registry::push(store, model.name, *files, wanted.version, {.commit = wanted.commit},
                                 chain.seams.progress, chain.seams.clock);
    if (!pushed) return pushed.error();
    known = registry::find_version(store, model.name, wanted.version);
    if (!known) return known.error();
  }
  if (!*known)
    return Error{Error::Kind::unavailable, "version " + to_string(wanted.version) + " vanished from the registry", ""};
  if (wanted.digest && (*known)->digest != *wanted.digest)
    return Error{Error::Kind::corrupt,
                 "the registry has " + to_string((*known)->digest) + " for " + to_string(wanted.version) +
                     ", its tag records " + to_string(*wanted.digest),
                 ""};
  auto pulled = registry::pull(store, model.name, (*known)->digest, folder, chain.seams.progress);
  if (!pulled) return pulled.error();
  return (*known)->digest;
}

StepResult resolve_step(Chain& chain) {
  if (auto checked = check_target(chain); !checked) return checked.error();
  bool gpu = false;
  for (const auto& environment : chain.project.environments) {
    auto state = prepare(chain, environment);
    if (!state) return state.error();
    gpu = gpu || gpu_is_required(*state);
    chain.environments.emplace(environment.name, std::move(*state));
    chain.order.push_back(environment.name);
  }
  chain.release.plan = plan_steps(chain.order, gpu);
  Outcome outcome{.verdict = Verdict::pass};
  outcome.summary = chain.release.tag + " at commit " + chain.release.commit.substr(0, 12);
  if (chain.order.empty())
    outcome.notes.push_back("the project has no environments: the version is pushed and validated only");
  if (!chain.request.target.tag.digest)
    outcome.notes.push_back("the tag was made by hand and records no digest: the one found goes into the evidence");
  return outcome;
}

StepResult push_step(Chain& chain) {
  const auto& target = chain.request.target.tag;
  auto known = registry::find_version(chain.seams.store, chain.model.name, target.version);
  if (!known) return known.error();
  Outcome outcome{.verdict = Verdict::pass};
  if (*known) {
    chain.digest = (*known)->digest;
    chain.image = (*known)->image;
    if (target.digest && *target.digest != chain.digest) return other_digest(chain, chain.digest, "the registry");
    outcome.summary = chain.digest.brief() + ", in the registry already";
  } else {
    auto files = files_at(chain.project, chain.seams.git, chain.model, target.commit);
    if (!files) return files.error();
    auto packed = registry::pack_digest(*files);
    if (!packed) return packed.error();
    if (target.digest && *target.digest != packed->digest) return other_digest(chain, packed->digest, "its commit");
    auto source = source_of_tag(chain);
    if (!source) return source.error();
    auto pushed = registry::push(chain.seams.store, chain.model.name, *files, target.version, *source,
                                 chain.seams.progress, chain.seams.clock);
    if (!pushed) return pushed.error();
    chain.digest = pushed->manifest;
    chain.image = pushed->image;
    outcome.summary =
        chain.digest.brief() + ", " + count_text(pushed->files, "file") + ", " + human_bytes(pushed->bytes);
  }
  chain.release.digest = to_string(chain.digest);
  chain.release.image = to_string(chain.image);
  chain.earlier = load_record(chain.project.root, chain.release.digest);
  auto work = claim_work(chain.project.root, chain.digest);
  if (!work) return work.error();
  chain.work = work->folder;
  chain.lock.emplace(std::move(work->lock));
  if (auto attached = attach_provenance(chain); !attached) return attached.error();
  if (const auto* signer = signer_of(chain)) {
    auto sealed = registry::sign_version(chain.seams.store, chain.model.name, chain.digest, *signer,
                                         rfc3339(chain.seams.clock.wall()));
    if (!sealed) return sealed.error().context("signing " + chain.release.tag);
  }
  // Before the gate's minutes; assign_step asks again.
  for (const auto& [name, state] : chain.environments)
    if (auto met = check_signature(chain.seams.store, *state.environment, chain.model.name, chain.digest,
                                   chain.release.tag, state.circumstances);
        !met)
      return met.error();
  return outcome;
}

StepResult validate_step(Chain& chain) {
  const auto key = key_of({.step = StepKind::validate, .candidate = chain.digest, .version = MLCTL_VERSION});
  const auto folder = chain.work / "candidate";
  const Wanted wanted{chain.request.target.tag.version, chain.release.commit, chain.digest};
  if (auto pulled = materialise(chain, chain.model, wanted, folder); !pulled) return pulled.error();
  if (const Outcome* answer = find_answer(chain.earlier, StepKind::validate, key)) {
    Outcome outcome = *answer;
    outcome.reused_from = "an earlier run";
    return outcome;
  }
  auto description = registry::describe(chain.seams.store, chain.model.name, chain.digest);
  if (!description) return description.error();
  auto files = registry::collect_files(folder, {});
  if (!files) return files.error();
  for (auto& file : *files)  // roles as the version's own model.yaml gave them
    for (const auto& packed : description->files)
      if (packed.path == file.path) file.role = packed.role;
  validate::Report report = validate::validate_files(folder, *files);
  report.model = chain.release.model;
  report.version = chain.release.version;
  report.digest = chain.release.digest;
  Outcome outcome{.key = key, .verdict = validate::overall(report)};
  outcome.summary = outcome.verdict == Verdict::pass
                        ? count_text(files->size(), "file") +
                              (files->size() == 1 ? " is what it claims to be" : " are what they claim to be")
                        : first_reason(report);
  outcome.report = std::move(report);
  if (auto attached = attach_report(chain, registry::EvidenceKind::validation, outcome); !attached)
    return attached.error();
  return outcome;
}

}  // namespace mlctl::release
