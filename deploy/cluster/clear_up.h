// What a process made for a model after somebody else had taken the model over: that one read what is there before, so
// nobody would remove it until the next apply.
#pragma once
#include <string>
#include <vector>

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

}  // namespace mlctl::deploy
