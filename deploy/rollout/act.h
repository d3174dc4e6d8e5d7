// The writes that make a cluster what a rollout's state intends: pure, from the objects as they were read. The same
// state against objects that are as it says gives none, so whoever dies half-way is continued by whoever looks next.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "deploy/rollout/look.h"

namespace mlctl::deploy {

struct RolloutWrite {
  // Pods before traffic, traffic before removals; within an order all at once.
  enum class Order { pods, route, service, removal };
  Order order = Order::pods;
  ApiRequest request;
};

// Every write to something that is there carries the version that was read. Error{not_found}: the candidate's
// ControllerRevision is gone while its objects are needed.
[[nodiscard]] Result<std::vector<RolloutWrite>> writes_for(const RolloutLive& live, Discovery& discovery);

// Marks the route and the arms with the epoch of the state: a driver that was replaced and wakes up later writes with
// versions that are no more.
[[nodiscard]] Result<std::vector<ApiRequest>> fence(const RolloutLive& live, Discovery& discovery);

// The model's state as the phase of its rollout makes it: who is stable, what was applied.
void settle(ModelState& state, const Objects& candidate, const std::string& now);

}  // namespace mlctl::deploy
