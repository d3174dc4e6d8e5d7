// What a release does when the version that took N did not make it: the next N is the version before, in git and then
// in the cluster.
#include "deploy/cluster/apply.h"
#include "deploy/cluster/live.h"
#include "release/chain_state.h"
#include "release/undo.h"
#include "release/way_back.h"

namespace mlctl::release {
namespace {

Status apply_back(Chain& chain, const WayBack& way, const deploy::Connection& there) {
  const auto& seams = chain.seams;
  auto back = fleet_back(chain.project, &seams.git, seams.store, way, there);
  if (!back) return back.error();
  const auto& desired = back->fleet.desired;
  auto plan = deploy::plan_cluster(*there.cluster, *there.discovery,
                                   {desired, false, rfc3339(seams.clock.wall()), chain.request.run});
  if (!plan) return plan.error();
  for (const auto& owner : plan->owners)
    if (owner.refused) return *owner.refused;
  const deploy::ClusterApplyOptions options{.run = chain.request.run};
  auto applied =
      deploy::apply_cluster(desired, *plan, {*there.cluster, *there.discovery, options, seams.clock, seams.progress});
  if (!applied) return applied.error();
  for (const auto& owner : applied->owners)
    if (owner.error) return *owner.error;
  return ok();
}

}  // namespace

std::string take_back(Chain& chain, const EnvironmentState& state, const deploy::Connection& there) {
  auto& git = chain.seams.git;
  const auto& environment = state.environment->name;
  auto by_hand = "`mlctl undo " + chain.release.model + " --env " + environment + "` takes it back in git";
  auto tags = git.tags();
  if (!tags) return by_hand + ": " + tags.error().message;
  const registry::ModelTags known(chain.model.name, *tags);
  auto live = deploy::live_assignment(*there.cluster, *there.discovery, chain.model.name,
                                      namespace_of(chain.project, chain.model.name), environment);
  if (!live) return by_hand + ": " + live.error().message;
  auto plan =
      plan_undo(known, environment, digest_finder(chain.project, git, chain.seams.store, chain.model), live->aborted);
  if (!plan) return by_hand + ": " + plan.error().message;
  // Somebody has assigned something else since: that is no word about this version.
  if (static_cast<std::int64_t>(plan->n) != state.assignment + 1) return "git assigns something newer already";
  auto taken = take_back(git, *plan, chain.request.push);
  if (!taken) return by_hand + ": " + taken.error().message;
  auto said = "taken back in git: " + taken->tag;
  const auto applied = apply_back(chain, {state.environment, plan->model, plan->to, taken->n}, there);
  if (applied) return said;
  return said + ", and not in the cluster yet: " + applied.error().message;
}

}  // namespace mlctl::release
