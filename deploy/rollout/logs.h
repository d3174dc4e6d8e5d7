// What the pods of a model say, the two arms of a rollout told apart.
#pragma once
#include <string>
#include <vector>

#include "base/result.h"
#include "deploy/cluster/api.h"
#include "deploy/rollout/look.h"

namespace mlctl::deploy {

inline constexpr std::size_t logged_pods = 100;         // at most so many are asked
inline constexpr std::size_t logged_bytes = 1U << 20U;  // of one pod

struct LogRequest {
  int tail = 100;         // newest lines of each pod
  bool previous = false;  // of the container before it was started again
};

struct Arm {
  std::string name;     // "stable"; "canary": on trial; "before": served until the canary won; "other": of no state
  std::string version;  // "": not known
};
[[nodiscard]] Arm arm_of(const ModelState& state, const std::string& revision);

// Everything in it is as the cluster sent it: not escaped.
struct PodLog {
  Arm arm;
  std::string revision, pod;
  std::vector<std::string> lines;
  bool cut = false;     // more than logged_bytes: the newest are missing
  std::string missing;  // why there are none: it is not started, it is gone
};
struct Logs {
  std::vector<PodLog> pods;  // stable first, then by name
  std::size_t more = 0;      // pods that were not asked
};
// Error{not_found}: the model has no state here; Error{conflict}: it is another environment's; Error{credentials}: logs
// may not be read.
[[nodiscard]] Result<Logs> read_logs(Cluster& cluster, const RolloutPlace& place, const LogRequest& request);

}  // namespace mlctl::deploy
