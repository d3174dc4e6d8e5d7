// Beginning a rollout: whether it can be judged, what is frozen for it, how long it will take.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "deploy/cluster/plan.h"
#include "deploy/rollout/forecast.h"
#include "deploy/rollout/look.h"

namespace mlctl::deploy {

// Of an owner whose plan says `rollout`; `recorded`: bodies of inference requests, for low_traffic: replay. Asks
// stable's pods what they count. Error{usage}: no route to shift traffic with, a runtime that is not known to count,
// nothing recorded where it is to be replayed; Error{unavailable}: stable's series are not to be found (with replay:
// nor a pod of it that could be asked; whether they count shows itself then).
[[nodiscard]] Result<RolloutForecast> forecast(const RolloutSeams& seams, const OwnerPlan& owner,
                                               const std::string& run, const std::vector<std::string>& recorded = {});

// Writes the candidate's ControllerRevision, then the state. The route and pods change at the first tick.
// Error{conflict}: somebody else was faster.
[[nodiscard]] Status begin_rollout(const RolloutSeams& seams, const OwnerPlan& owner, const RolloutState& rollout,
                                   const std::vector<std::string>& replay = {});

}  // namespace mlctl::deploy
