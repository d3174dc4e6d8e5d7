// The steps that change an environment: its objects, its stage in git, its folder.
#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "deploy/cluster/apply.h"
#include "deploy/gitops.h"
#include "deploy/objects.h"
#include "deploy/plan.h"
#include "deploy/rollout/drive.h"
#include "registry/intent.h"
#include "release/chain_state.h"
#include "release/gpu_nodes.h"
#include "release/requirements.h"

namespace mlctl::release {
namespace {

using validate::Verdict;

deploy::Candidate candidate_of(const Chain& chain, const EnvironmentState& state) {
  return {.model = chain.model.name,
          .version = chain.request.target.tag.version,
          .digest = chain.digest,
          .image = chain.image,
          .commit = chain.release.commit,
          .assignment = state.assignment,
          .config = state.config,
          .name_space = namespace_of(chain.project, chain.model.name)};
}

Result<deploy::Desired> desired_of(const Chain& chain, const EnvironmentState& state) {
  const deploy::Surroundings around{*state.environment, chain.project.tenants, chain.project.runtimes};
  auto files = deploy::plan_files({candidate_of(chain, state)}, around);
  if (!files) return files.error();
  const auto known = static_cast<std::uint64_t>(state.assignment);
  return deploy::Desired{state.environment->name,
                         {{chain.model.name, known, namespace_of(chain.project, chain.model.name)}},
                         std::move(*files)};
}

}  // namespace

StepResult render_step(Chain& chain, EnvironmentState& state) {
  const deploy::Surroundings around{*state.environment, chain.project.tenants, chain.project.runtimes};
  auto spec = deploy::spec_of(candidate_of(chain, state), around);
  if (!spec) return spec.error();
  auto objects = deploy::model_objects(*spec);
  if (!objects) return objects.error();
  auto revision = deploy::revision_of(*spec);
  if (!revision) return revision.error();
  Outcome outcome{.verdict = Verdict::pass};
  outcome.summary = std::to_string(objects->size()) + " objects, revision " + *revision;
  outcome.facts["revision"] = *revision;
  if (!spec->serving.init_image.empty())
    outcome.notes.push_back("the init pull is rendered only: no image of mlctl is published yet");
  if (state.environment->gitops && get_string(state.config, "rollout.strategy") == "canary")
    outcome.notes.push_back("strategy canary counts as replace in a folder: nothing there shifts traffic");
  return outcome;
}

std::string question_of(const Chain& chain, const std::string& environment) {
  return "Release " + chain.release.model + " " + chain.release.version + " to " + environment + "?";
}

registry::AssignRequest assignment_of(const Chain& chain, const EnvironmentState& state, const Digest& digest) {
  return {.model = chain.model.name,
          .stage = state.environment->name,
          .version = chain.request.target.tag.version,
          .digest = digest,
          .commit = chain.release.commit,
          .push = chain.request.push,
          .force = chain.request.force,
          .allow = chain.request.allow,
          .seen = state.seen};
}

// A number is not taken for pods that would find no GPUs. What was taken already is asked about where it is applied.
static Status check_gpus_free(Chain& chain, const EnvironmentState& state) {
  const Node* gpu = find_path(state.config, "serving.gpu");
  if (!state.environment->cluster || gpu == nullptr || gpu->kind == Node::Kind::null) return ok();
  auto there = chain.seams.connect(*state.environment);
  if (!there) return there.error();
  auto look = state;
  look.assignment = 0;
  auto desired = desired_of(chain, look);
  if (!desired) return desired.error();
  auto plan = deploy::plan_cluster(*there->cluster, *there->discovery,
                                   {*desired, false, rfc3339(chain.seams.clock.wall()), chain.request.run, false,
                                    nullptr, kept_reports(chain.project.root, state.environment->name)});
  if (!plan) return plan.error();
  for (const auto& owner : plan->owners)
    if (owner.refused && !owner.aborted) return *owner.refused;
  return ok();
}

StepResult assign_step(Chain& chain, EnvironmentState& state) {
  const auto& environment = *state.environment;
  if (auto met = check_signature(chain.seams.store, environment, chain.model.name, chain.digest, chain.release.tag,
                                 state.circumstances);
      !met)
    return met.error();
  if (environment.confirm)
    if (auto confirmed = chain.request.confirm(question_of(chain, environment.name)); !confirmed)
      return confirmed.error();
  if (auto room = check_gpus_free(chain, state); !room) return room.error();
  auto taken = registry::assign(chain.seams.git, assignment_of(chain, state, chain.digest));
  if (!taken) return taken.error();
  state.assignment = static_cast<std::int64_t>(taken->n);
  Outcome outcome{.verdict = Verdict::pass};
  outcome.summary = taken->tag + (taken->existed ? ", taken before" : "");
  outcome.facts["tag"] = taken->tag;
  if (!taken->pushed && !taken->existed) outcome.notes.push_back("reserved only here: the tag is not at a remote");
  return outcome;
}

Status check_cluster(Chain& chain, const EnvironmentState& state) {
  auto there = chain.seams.connect(*state.environment);
  if (!there) return there.error();
  // Nothing is desired yet: what comes back is what the cluster remembers.
  const deploy::Desired nothing{
      state.environment->name,
      {{chain.model.name, std::numeric_limits<std::uint64_t>::max(), namespace_of(chain.project, chain.model.name)}},
      {}};
  auto plan = deploy::plan_cluster(*there->cluster, *there->discovery, {nothing, false, "", ""});
  if (!plan) return plan.error();
  for (const auto& owner : plan->owners)
    if (owner.refused) return *owner.refused;
  return ok();
}

// A rollout of another version that is on its way ends first. One of this very assignment that was aborted stands in
// the plan.
static Result<deploy::ClusterPlan> plan_of(Chain& chain, const EnvironmentState& state, const deploy::Desired& desired,
                                           const deploy::Connection& there) {
  const auto& seams = chain.seams;
  for (bool ended = false;; ended = true) {
    auto plan = deploy::plan_cluster(*there.cluster, *there.discovery,
                                     {desired, false, rfc3339(seams.clock.wall()), chain.request.run, false, nullptr,
                                      kept_reports(chain.project.root, state.environment->name)});
    if (!plan) return plan.error();
    const deploy::OwnerPlan* other = nullptr;
    for (const auto& owner : plan->owners) {
      if (owner.refused && !owner.aborted) return *owner.refused;
      if (owner.rollout == deploy::OwnerPlan::Rollout::ends) other = &owner;
    }
    if (other == nullptr || ended) return plan;
    deploy::Driver driver({*there.cluster, *there.discovery, seams.clock, state.environment->cluster->prometheus,
                           deploy::fetch_with(seams.http, state.environment->cluster->prometheus)},
                          {other->before.model, other->before.name_space, state.environment->name}, chain.request.run);
    const auto why = "superseded by " + chain.release.version;
    if (auto done = deploy::end_rollout(driver, *other, chain.request.run, why, seams.clock); !done)
      return done.error();
  }
}

// A word about the version, as an abort is one: the number that it took goes back. Whoever was not there to be asked
// (a cluster, a network) says nothing about it, and the next run goes on.
static Outcome not_ready(Chain& chain, const EnvironmentState& state, const Error& why,
                         const deploy::Connection& there) {
  const auto line = std::min(why.message.find('\n'), why.message.size());
  Outcome outcome{.verdict = Verdict::fail};
  outcome.summary = why.message.substr(0, line) + "; " + take_back(chain, state, there);
  if (line < why.message.size()) outcome.notes.push_back(why.message.substr(line + 1));
  return outcome;
}

static StepResult apply_to_cluster(Chain& chain, EnvironmentState& state) {
  auto desired = desired_of(chain, state);
  if (!desired) return desired.error();
  auto there = chain.seams.connect(*state.environment);
  if (!there) return there.error();
  auto plan = plan_of(chain, state, *desired, *there);
  if (!plan) return plan.error();
  // By a run before this one, which died before it could take the number back.
  for (const auto& owner : plan->owners)
    if (owner.aborted) return rolled_out(chain, state, *there, owner.before);
  const auto& seams = chain.seams;
  auto copied = provide_images(new_versions(*plan),
                               {chain.project, &seams.git, seams.store, seams.open_store, seams.clock, seams.progress});
  if (!copied) return copied.error();
  const deploy::ClusterApplyOptions options{.wait = true, .run = chain.request.run};
  auto report = deploy::apply_cluster(*desired, *plan,
                                      {*there->cluster, *there->discovery, options, seams.clock, seams.progress});
  if (!report) return report.error();
  std::size_t changes = 0;
  for (const auto& owner : report->owners) {
    if (owner.error && owner.not_ready) return not_ready(chain, state, *owner.error, *there);
    if (owner.error) return *owner.error;
    changes += owner.changes.size();
  }
  for (const auto& owner : plan->owners)
    if (owner.rollout != deploy::OwnerPlan::Rollout::none) {
      auto rolled = roll_out(chain, state, owner, *there);
      if (rolled) rolled->notes.insert(rolled->notes.end(), plan->notes.begin(), plan->notes.end());
      return rolled;
    }
  Outcome outcome{.verdict = Verdict::pass};
  const auto context = there->cluster->context();
  outcome.summary = changes == 0 ? "nothing to change in " + context
                                 : count_text(changes, "change") + " in " + context + ", pods ready";
  outcome.facts["context"] = context;
  outcome.notes = report->notes;
  outcome.notes.insert(outcome.notes.end(), plan->notes.begin(), plan->notes.end());
  if (*copied > 0) outcome.notes.push_back("the version was copied to " + state.environment->pull);
  return outcome;
}

StepResult apply_step(Chain& chain, EnvironmentState& state) {
  if (!state.environment->gitops) return apply_to_cluster(chain, state);
  const auto& where = *state.environment->gitops;
  auto folder = deploy::read_folder(chain.seams.git, where);
  if (!folder) return folder.error();
  auto desired = desired_of(chain, state);
  if (!desired) return desired.error();
  auto plan = deploy::plan_folder(*folder, *desired);
  if (!plan) return plan.error();
  const auto& seams = chain.seams;
  auto copied = provide_images(new_versions(*desired, *plan),
                               {chain.project, &seams.git, seams.store, seams.open_store, seams.clock, seams.progress});
  if (!copied) return copied.error();
  auto applied = deploy::apply_folder(seams.git, std::move(*folder), *desired, *plan, chain.request.push);
  if (!applied) return applied.error();
  Outcome outcome{.verdict = Verdict::pass};
  const std::string commit = applied->commit ? applied->commit->substr(0, 12) : "none";
  outcome.summary = applied->committed ? std::to_string(plan->changes.changes.size()) + " changes, commit " + commit +
                                             " on " + where.branch
                                       : "nothing to change, " + where.branch + " is at " + commit;
  outcome.facts["commit"] = applied->commit.value_or("");
  outcome.notes = applied->notes;
  if (*copied > 0) outcome.notes.push_back("the version was copied to " + state.environment->pull);
  return outcome;
}

}  // namespace mlctl::release
