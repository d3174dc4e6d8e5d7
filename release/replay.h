// The requests that a rollout may replay (rollout.low_traffic: replay): the inputs of the version's golden cases.
#pragma once
#include <string>
#include <vector>

#include "base/result.h"
#include "deploy/objects.h"
#include "registry/git.h"
#include "release/project.h"

namespace mlctl::release {

// Bodies of inference requests, as of the commit of the version's tag; none where `spec` replays nothing. Error{usage}:
// it replays and the model names no `gate.parity.cases`, or they are not in that commit, or are none.
[[nodiscard]] Result<std::vector<std::string>> replay_bodies(const Project& project, const registry::Git* git,
                                                             const deploy::Spec& spec);

}  // namespace mlctl::release
