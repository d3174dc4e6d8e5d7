// The plan of a rollout as it stands in its state: what is read was perhaps edited by somebody. Pure.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "deploy/rollout/state.h"

namespace mlctl::deploy {

[[nodiscard]] nlohmann::ordered_json to_json(const RolloutPlan& plan);
// nullopt: nothing that decode_rollout() would have made; it could divide by nothing.
[[nodiscard]] std::optional<RolloutPlan> plan_from(const nlohmann::ordered_json& value);

}  // namespace mlctl::deploy
