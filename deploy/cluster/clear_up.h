// What a process made for a model after somebody else had taken the model over: that one read what is there before, so
// nobody would remove it until the next apply.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "deploy/cluster/api.h"
#include "deploy/cluster/discovery.h"
#include "deploy/cluster/state.h"
#include "deploy/objects.h"

namespace mlctl::deploy {

struct Lost {
  const ModelState& state;      // as it was ours
  const std::string& revision;  // that was to serve
  const std::vector<ObjectKey>& created;
};
// Removes what is of that revision alone, unless the one who has the model wants it too: it serves, is worked towards,
// or is part of a rollout. As far as it goes: what is left shows in `mlctl diff`.
void clear_up(Cluster& cluster, Discovery& discovery, const Lost& lost);

// Where it was given traffic: waits until whoever has the model has finished, half a minute at most, and says whether a
// newer assignment serves instead. Whatever else has come of it, it may still be what serves.
[[nodiscard]] bool is_superseded(Cluster& cluster, Clock& clock, const Lost& lost, std::uint64_t assignment);

}  // namespace mlctl::deploy
