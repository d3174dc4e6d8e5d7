// What a cluster runs of an environment: for each model which version serves, since when and by whom, whether its pods
// are ready and why not, and whether it is what git says.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/terminal.h"
#include "deploy/cluster/api.h"
#include "deploy/cluster/discovery.h"
#include "deploy/cluster/live.h"
#include "deploy/cluster/state.h"
#include "deploy/gitops.h"

namespace mlctl::deploy {

struct ModelStatus {
  enum class State { absent, waiting, ready, failed };
  registry::ModelName model;
  std::string name_space;
  std::optional<Serves> serves;  // nullopt: nothing
  State state = State::absent;
  std::int64_t ready = 0, wanted = 0;   // replicas
  std::string reason;                   // why it is not ready; "" when it is
  std::string drift;                    // how git differs; "" when it does not
  std::string working, working_since;   // who changes it right now
  std::optional<RolloutState> rollout;  // on its way
  [[nodiscard]] bool is_fine() const { return reason.empty() && drift.empty() && !rollout && state != State::failed; }
};
[[nodiscard]] const char* to_string(ModelStatus::State state);

// The models that were chosen, sorted by name, from the Deployments and states of what is live. One whose state
// somebody edited into something else has failed. Where all kinds are live, also what somebody took away of the others.
enum class Kinds { all, deployments };
[[nodiscard]] std::vector<ModelStatus> status_of(const Desired& desired, const Live& live, Kinds kinds);
// Adds what the pods say of those that are not ready.
void explain(std::vector<ModelStatus>& all, const std::vector<const nlohmann::ordered_json*>& pods);
[[nodiscard]] std::set<std::string> namespaces_of(const Desired& desired);

// The same, asked of the cluster now.
[[nodiscard]] Result<std::vector<ModelStatus>> read_status(Cluster& cluster, Discovery& discovery,
                                                           const Desired& desired);

[[nodiscard]] std::string to_text(const std::vector<ModelStatus>& all, WallTime now, const Style& style);
[[nodiscard]] nlohmann::ordered_json to_json(const std::vector<ModelStatus>& all);

}  // namespace mlctl::deploy
