// What pods say themselves that they have counted, through the API server's proxy. A page is hostile, and bounded.
#pragma once
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "deploy/rollout/look.h"

namespace mlctl::deploy {

// By pod; so many are asked at once that their pages fit into memory. A pod that has none of the series is not in it.
// Error: of the first, where none has answered.
[[nodiscard]] Result<std::map<std::string, PodSample>> ask_pods(const RolloutSeams& seams,
                                                                const std::vector<const nlohmann::ordered_json*>& pods,
                                                                const Counting& counting);

}  // namespace mlctl::deploy
