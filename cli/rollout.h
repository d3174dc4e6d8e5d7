// What rollout's verbs, apply and release share about a rollout in a cluster.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/http.h"
#include "base/result.h"
#include "cli/cluster.h"
#include "cli/context.h"
#include "deploy/rollout/driver.h"
#include "deploy/rollout/start.h"

namespace mlctl::cli {

// A connection, and what a rollout there needs beside it.
struct RolloutLink {
  deploy::Connection there;
  std::unique_ptr<HttpClient> http;  // for Prometheus outside the cluster
  [[nodiscard]] deploy::RolloutSeams seams(const deploy::Environment& environment, Context& context);
};
[[nodiscard]] Result<RolloutLink> link_to(const deploy::Environment& environment, Context& context);

// Ticks until the rollout is over, paused, taken over or interrupted, saying what happens. The exit code.
[[nodiscard]] int drive(deploy::Driver& driver, const deploy::RolloutPlace& place, Context& context);

// Ends the rollout on its way that is not wanted any more. What is to be done for its owner then.
[[nodiscard]] Result<deploy::OwnerPlan> after_the_end(const ClusterView& view, const deploy::OwnerPlan& owner,
                                                      const deploy::RolloutSeams& seams, Context& context);

struct RolledOut {
  int code = 0;                          // of the first that went wrong, or was not promoted
  std::vector<deploy::ModelState> ends;  // of those that were driven
};
// Begins what the plan says begins, ends what is not wanted any more; nothing else is touched. `wait`: all that are on
// their way then are driven to their ends, side by side.
[[nodiscard]] RolledOut begin_rollouts(const Workplace& place, const ClusterView& view, bool wait, Context& context);

}  // namespace mlctl::cli
