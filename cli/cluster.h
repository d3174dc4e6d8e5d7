// What diff and apply do for an environment that is a cluster: the fleet that should run beside what runs.
#pragma once
#include <memory>
#include <string>

#include "base/result.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/fleet.h"
#include "cli/workplace.h"
#include "deploy/cluster/http_cluster.h"
#include "deploy/cluster/perform.h"
#include "deploy/cluster/plan.h"
#include "release/fleet.h"

namespace mlctl::cli {

// The cluster of an environment that has one. Asks nothing yet.
[[nodiscard]] Result<deploy::Connection> connect(const deploy::Environment& environment, Context& context);
[[nodiscard]] std::string run_name();  // who asks: the CI run, or the person: "ada@host"

struct ClusterView {
  release::Fleet fleet;
  deploy::Connection there;
  deploy::ClusterPlan plan;
};
// The environment has a `cluster:`.
[[nodiscard]] Result<ClusterView> view_cluster(Workplace& place, const release::FleetRequest& request,
                                               bool force_conflicts, Context& context);
// `again`: a rollout that was aborted may begin once more.
[[nodiscard]] Result<ClusterView> view_cluster(release::Fleet fleet, bool force_conflicts, Context& context,
                                               bool again = false);

// Prints what would change, and what is refused. The exit code of diff.
[[nodiscard]] int show_cluster(const ClusterView& view, Context& context);
// Performs what `view` shows and says what happened. The exit code.
[[nodiscard]] int apply_to_cluster(Workplace& place, const ClusterView& view,
                                   const deploy::ClusterApplyOptions& options, Context& context,
                                   const Headline& headline = {});

[[nodiscard]] Option force_conflicts_option(bool& force);

}  // namespace mlctl::cli
