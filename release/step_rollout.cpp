// The end of a release where traffic is shifted: the rollout in one cluster, driven to its end.
#include <nlohmann/json.hpp>

#include "deploy/rollout/drive.h"
#include "deploy/rollout/start.h"
#include "release/chain_state.h"
#include "release/replay.h"

namespace mlctl::release {

using validate::Verdict;

Outcome rolled_out(Chain& chain, const EnvironmentState& state, const deploy::Connection& there,
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
    const auto replayed = deploy::replayed_steps(rollout), skipped = deploy::skipped_steps(rollout);
    outcome.summary = "promoted: all traffic is at " + chain.release.version +
                      (replayed.empty() ? "" : "; " + replayed) + (skipped.empty() ? "" : "; " + skipped);
    if (!skipped.empty()) outcome.facts["skipped"] = skipped;
    if (!replayed.empty()) outcome.facts["stepsPassedByReplay"] = std::to_string(rollout.replay.passed);
  } else {
    outcome.verdict = Verdict::fail;
    outcome.summary = "aborted: " + rollout.reason + "; " + take_back(chain, state, there);
    if (!rollout.evidence.empty()) outcome.notes.push_back("its last lines: " + rollout.evidence);
  }
  return outcome;
}

StepResult roll_out(Chain& chain, EnvironmentState& state, const deploy::OwnerPlan& owner,
                    const deploy::Connection& there) {
  const auto& seams = chain.seams;
  const deploy::RolloutSeams rollout{*there.cluster, *there.discovery, seams.clock,
                                     state.environment->cluster->prometheus,
                                     deploy::fetch_with(seams.http, state.environment->cluster->prometheus)};
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
  return rolled_out(chain, state, there, *end);
}

}  // namespace mlctl::release
