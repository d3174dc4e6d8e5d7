// What would change in a cluster: the objects of models and tenants against those that are there. diff prints it, apply
// performs that very plan. Reads a list per kind and asks the server (dry run) only about objects that may differ.
#pragma once
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "deploy/changes.h"
#include "deploy/cluster/api.h"
#include "deploy/cluster/discovery.h"
#include "deploy/cluster/live.h"
#include "deploy/cluster/state.h"
#include "deploy/gitops.h"
#include "deploy/gpu/room.h"

namespace mlctl::deploy {

struct ObjectChange {
  Change change;
  Body body;                          // what is applied; null: a removal
  std::string resource_version, uid;  // of the live object; "": there is none
};

// A model, or a tenant (which has no state, and is never removed).
struct OwnerPlan {
  std::string name;  // "fraud/credit-risk", "tenant fraud"
  bool is_model = false;
  const Spec* spec = nullptr;  // what it should run; null: a tenant, or a model that is to be removed
  std::string revision;        // of what it should run
  ModelState before;           // resource_version "": there is none
  ModelState after;            // what is to be recorded when all is done; epoch and working as before
  std::vector<ObjectChange> changes;
  std::optional<Error> refused;  // why it is left as it is: then there are no changes
  bool aborted = false;          // refused, because the rollout of that very assignment was aborted
  // A revision that takes traffic step by step. `begins`: its objects are the changes, and deploy/rollout makes them;
  // `runs`: that rollout is on its way; `ends`: the one on its way is for something that is not wanted any more. The
  // latter two have no changes.
  enum class Rollout { none, begins, runs, ends };
  Rollout rollout = Rollout::none;
  // All objects as they are applied, where something is to be done: what is kept of the revision.
  std::vector<Body> bodies;
  [[nodiscard]] bool changes_nothing() const {
    return refused || (changes.empty() && (before == after || rollout != Rollout::none));
  }
};

struct ClusterPlan {
  std::vector<OwnerPlan> owners;  // `spec` points into what was desired
  std::size_t unchanged = 0;
  std::vector<std::string> notes = {};  // for people: nothing of it changes what is done
};
[[nodiscard]] ChangeSet change_set(const ClusterPlan& plan);

struct PlanRequest {
  const Desired& desired;
  bool force_conflicts = false;
  std::string now, run;         // for what becomes stable: RFC 3339; who
  bool again = false;           // a rollout that was aborted may begin once more
  LiveAhead* ahead = nullptr;   // what is there, being read already
  GpuReportOf gpu_report = {};  // empty: no node was checked
  bool wants_room = true;       // for new pods that want GPUs; false: that was asked a moment ago
};
// One model is refused, and the others are not, where the cluster remembers a higher N (denied), an object of that name
// is somebody else's or the model's state is another environment's (conflict), the state cannot be read (corrupt), or
// its new pods would find no GPUs (denied).
// Error{not_found}: a namespace, or a kind, that is not there; Error{denied}: a namespace that is being deleted. Field
// conflicts are no error here: they stand in the changes.
[[nodiscard]] Result<ClusterPlan> plan_cluster(Cluster& cluster, Discovery& discovery, const PlanRequest& request);

}  // namespace mlctl::deploy
