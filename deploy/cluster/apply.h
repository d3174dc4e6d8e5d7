// Performs what plan_cluster found. Each model by itself: its state is locked (compare-and-swap, epoch raised), its
// objects are read again, the new revision is made beside the old one, traffic goes over when the new one is ready, and
// only then the old one goes. What dies half-way leaves a state that the next apply goes on from.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"
#include "deploy/cluster/perform.h"
#include "deploy/cluster/plan.h"

namespace mlctl::deploy {

struct ClusterApplyReport {
  std::vector<OwnerOutcome> owners;  // that had something to change
  std::size_t unchanged = 0;
  std::vector<std::string> notes;
};

// Owners with a rollout are left alone: deploy/rollout begins it.
// Error: nothing was written: {conflict} fields that others own, {usage} a look at a version that is not assigned. What
// went wrong with one model stands in its outcome, and the others go on.
[[nodiscard]] Result<ClusterApplyReport> apply_cluster(const Desired& desired, const ClusterPlan& plan,
                                                       const Writer& writer);

// Whether apply_cluster would begin: the Errors above.
[[nodiscard]] Status may_apply(const ClusterPlan& plan, const std::string& environment, bool force_conflicts);

}  // namespace mlctl::deploy
