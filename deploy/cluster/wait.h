// Waiting until Deployments work, and saying why they do not: quota, admission, scheduler, image, configuration, crash
// with its last lines, readiness. Each trouble has a patience of its own: a node pool that scales up takes minutes, a
// wrong image name is wrong at once. Watches: it looks when something changes, and asks nothing while nothing does.
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/terminal.h"
#include "deploy/cluster/api.h"
#include "deploy/cluster/pods.h"
#include "deploy/cluster/wait_tree.h"

namespace mlctl::deploy {

// How long a pod may be in one trouble before it counts as the Deployment's failure.
[[nodiscard]] Duration patience_with(PodTrouble::Kind kind);

struct WaitSeams {
  Cluster& cluster;
  Clock& clock;
  Progress& progress;
};
struct NotReady {
  Error error;
  bool judged = false;  // {denied}: it will not work as it is; {timeout}: not within the limit. Else nobody could say.
};
// In their order: nullopt when it is ready, else why not, with its branch of the tree. Ends early only by Ctrl-C.
[[nodiscard]] std::vector<std::optional<NotReady>> wait_until_ready(const std::vector<Awaited>& all, Duration limit,
                                                                    const WaitSeams& seams);

}  // namespace mlctl::deploy
