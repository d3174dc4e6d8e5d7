// Waiting until Deployments work, and saying why they do not: scheduler, image, configuration, crash with its last
// lines, readiness. Each trouble has a patience of its own: a node pool that scales up takes minutes, a wrong image
// name is wrong at once.
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
#include "deploy/objects.h"

namespace mlctl::deploy {

// How long a pod may be in one trouble before it counts as the Deployment's failure.
[[nodiscard]] Duration patience_with(PodTrouble::Kind kind);

struct WaitSeams {
  Cluster& cluster;
  Clock& clock;
  Progress& progress;
};
// In the order of the keys: nullopt when it is ready, else why not. Error{denied}: it will not work as it is;
// Error{timeout}: not within `limit`; others: nobody could be asked. Ends early only by Ctrl-C.
[[nodiscard]] std::vector<std::optional<Error>> wait_until_ready(const std::vector<ObjectKey>& deployments,
                                                                 Duration limit, const WaitSeams& seams);

}  // namespace mlctl::deploy
