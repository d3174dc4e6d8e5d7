// What plan.cpp asks of one owner or object by itself. Internal to deploy/cluster/.
#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.h"
#include "deploy/cluster/live.h"
#include "deploy/cluster/plan.h"

namespace mlctl::deploy {

// An owner that is refused, because nobody knows what it should run.
[[nodiscard]] OwnerPlan left_alone(const Unrendered& unrendered, const std::string& environment);
// `here`: the newest N that is known here.
[[nodiscard]] Error newer_there(const OwnerPlan& owner, std::uint64_t here);
// It serves, and its state is gone: nobody knows which version has been judged, and whether traffic was being shifted.
[[nodiscard]] std::optional<Error> forgotten(const OwnerPlan& owner, const Live& live);
// The number is taken in the cluster by another version: two clones have taken it, and do not know of each other.
[[nodiscard]] std::optional<Error> another_by_that_number(const OwnerPlan& owner);
[[nodiscard]] Error not_ours(const ObjectKey& key, const Stranger& stranger);

// What served before was judged when it came, and is wanted now: the way back is not shifted step by step (decision
// 13). Only the way there: what changes under an assignment that serves already is something new. It has a spec.
[[nodiscard]] bool goes_back(const OwnerPlan& owner);

// Whether the owner has a rollout before it, or in the middle; or is refused, because that rollout was aborted. `now`:
// RFC 3339; `again`: what was aborted may begin once more.
void find_rollout(OwnerPlan& owner, const std::string& now, bool again);

// The Deployment that has the traffic which the one of this key takes over all at once; nullptr: there is none.
[[nodiscard]] const nlohmann::ordered_json* taken_over_by(const OwnerPlan& owner, const ObjectKey& key,
                                                          const Live& live);
// Where all traffic goes over at once, the pods that take it are as many as those of `old`, which have it: an
// autoscaler would begin with its minimum, and be too late. Only where the body leaves the number to one.
void start_as_large(Body& body, const nlohmann::ordered_json& old);
// An autoscaler will own the number of replicas and does not yet: naming it no more would reset it to 1, so it stays
// what it is until the autoscaler has written it. (kubernetes.io, Server-Side Apply, "Transferring ownership")
void keep_replicas(Body& body, const nlohmann::ordered_json& live, std::vector<FieldChange>& fields);

// Whose state it says it is, where the state itself cannot be read; unnamed: nobody's.
[[nodiscard]] registry::ModelName model_named(const nlohmann::ordered_json& object);

}  // namespace mlctl::deploy
