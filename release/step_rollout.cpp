// The end of a release where traffic is shifted: the rollout in one cluster, driven to its end.
#include <nlohmann/json.hpp>

#include "deploy/cluster/apply.h"
#include "deploy/rollout/drive.h"
#include "deploy/rollout/start.h"
#include "release/chain_state.h"
#include "release/fleet.h"
#include "release/replay.h"
#include "release/undo.h"

namespace mlctl::release {
namespace {

using validate::Verdict;

// git follows what the cluster did: the next N is the version before, and this one is denied until it is allowed.
Status apply_back(Chain& chain, const EnvironmentState& state, const deploy::Connection& there) {
  const auto& seams = chain.seams;
  auto fleet = find_fleet(chain.project, &seams.git, seams.store, {state.environment->name, {chain.release.model}, {}});
  if (!fleet) return fleet.error();
  auto plan = deploy::plan_cluster(*there.cluster, *there.discovery,
                                   {fleet->desired, false, rfc3339(seams.clock.wall()), chain.request.run});
  if (!plan) return plan.error();
  const deploy::ClusterApplyOptions options{.run = chain.request.run};
  auto applied = deploy::apply_cluster(fleet->desired, *plan,
                                       {*there.cluster, *there.discovery, options, seams.clock, seams.progress});
  if (!applied) return applied.error();
  for (const auto& owner : applied->owners)
    if (owner.error) return *owner.error;
  return ok();
}

std::string take_back_in_git(Chain& chain, const EnvironmentState& state, const deploy::Connection& there) {
  auto& git = chain.seams.git;
  auto by_hand = "`mlctl undo " + chain.release.model + " --env " + state.environment->name + "` takes it back in git";
  auto tags = git.tags();
  if (!tags) return by_hand;
  const registry::ModelTags known(chain.model.name, *tags);
  auto plan =
      plan_undo(known, state.environment->name, digest_finder(chain.project, git, chain.seams.store, chain.model));
  if (!plan) return by_hand + ": " + plan.error().message;
  // Somebody has assigned something else since: that is no word about this version.
  if (static_cast<std::int64_t>(plan->n) != state.assignment + 1) return "git assigns something newer already";
  auto taken = take_back(git, *plan, chain.request.push);
  if (!taken) return by_hand + ": " + taken.error().message;
  auto said = "taken back in git: " + taken->tag;
  const auto applied = apply_back(chain, state, there);
  if (applied) return said;
  return said + ", and not in the cluster yet: " + applied.error().message;
}

Outcome outcome_of(Chain& chain, const EnvironmentState& state, const deploy::Connection& there,
                   const deploy::ModelState& end) {
  const auto& rollout = *end.rollout;
  Outcome outcome{.verdict = Verdict::pass};
  outcome.facts["phase"] = to_string(rollout.phase);
  for (const auto& event : rollout.events) outcome.notes.push_back(rfc3339(event.when) + " " + event.what);
  if (rollout.pause) {
    outcome.verdict = Verdict::inconclusive;
    outcome.summary = "paused: " + rollout.pause->reason;
    outcome.notes.push_back("`mlctl rollout resume " + chain.release.model + " --env " + state.environment->name +
                            "` goes on");
  } else if (rollout.phase == deploy::Phase::promoted) {
    const auto replayed = deploy::replayed_steps(rollout);
    outcome.summary =
        "promoted: all traffic is at " + chain.release.version + (replayed.empty() ? "" : "; " + replayed);
    if (!replayed.empty()) outcome.facts["stepsPassedByReplay"] = std::to_string(rollout.replay.passed);
  } else {
    outcome.verdict = Verdict::fail;
    outcome.summary = "aborted: " + rollout.reason;
    outcome.notes.push_back(take_back_in_git(chain, state, there));
    if (!rollout.evidence.empty()) outcome.notes.push_back("its last lines: " + rollout.evidence);
  }
  return outcome;
}

}  // namespace

StepResult roll_out(Chain& chain, EnvironmentState& state, const deploy::OwnerPlan& owner,
                    const deploy::Connection& there) {
  const auto& seams = chain.seams;
  const deploy::RolloutSeams rollout{*there.cluster, *there.discovery, seams.clock,
                                     state.environment->cluster->prometheus, deploy::fetch_with(seams.http)};
  const deploy::RolloutPlace place{owner.before.model, owner.before.name_space, state.environment->name};
  if (owner.rollout == deploy::OwnerPlan::Rollout::ends) {
    Outcome outcome{.verdict = Verdict::pass};
    outcome.summary = chain.release.version + " serves; the rollout that was on its way has ended";
    return outcome;
  }
  if (owner.rollout == deploy::OwnerPlan::Rollout::begins) {
    auto recorded = replay_bodies(chain.project, &seams.git, *owner.spec);
    if (!recorded) return recorded.error();
    auto plan = deploy::forecast(rollout, owner, chain.request.run, *recorded);
    if (!plan) return plan.error();
    if (auto begun = deploy::begin_rollout(rollout, owner, plan->state, plan->replay); !begun) return begun.error();
  }
  deploy::Driver driver(rollout, place, chain.request.run);
  if (auto taken = driver.take(false); !taken) return taken.error();
  auto end = deploy::drive(driver, place, seams.clock, seams.progress);
  if (!end) return end.error();
  return outcome_of(chain, state, there, *end);
}

}  // namespace mlctl::release
