// What diff and apply do for an environment that is a cluster: the fleet that should run beside what runs.
#pragma once
#include <memory>
#include <string>

#include "base/result.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/workplace.h"
#include "deploy/cluster/perform.h"
#include "deploy/cluster/plan.h"
#include "release/fleet.h"

namespace mlctl::cli {

struct ClusterView {
  release::Fleet fleet;
  std::unique_ptr<deploy::Cluster> cluster;
  std::unique_ptr<deploy::Discovery> discovery;
  deploy::ClusterPlan plan;
};
// The environment has a `cluster:`.
[[nodiscard]] Result<ClusterView> view_cluster(Workplace& place, const release::FleetRequest& request,
                                               bool force_conflicts, Context& context);

// Prints what would change, and what is refused. The exit code of diff.
[[nodiscard]] int show_cluster(const ClusterView& view, Context& context);
// Performs what `view` shows and says what happened. The exit code.
[[nodiscard]] int apply_to_cluster(const ClusterView& view, const deploy::ClusterApplyOptions& options,
                                   Context& context);

[[nodiscard]] Option force_conflicts_option(bool& force);

}  // namespace mlctl::cli
