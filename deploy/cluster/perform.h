// The writes of apply: what a plan says, in the order that objects need, in parallel within an order, the states of the
// models last. The states were locked before, by apply.cpp.
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/terminal.h"
#include "deploy/cluster/plan.h"

namespace mlctl::deploy {

struct ClusterApplyOptions {
  bool force_conflicts = false;
  bool wait = false;  // for the pods of all models, not only where one revision replaces another
  Duration ready_limit = std::chrono::minutes(10);
  std::string run;  // who applies
};
struct Writer {
  Cluster& cluster;
  Discovery& discovery;
  const ClusterApplyOptions& options;
  Clock& clock;
  Progress& progress;
};

struct OwnerOutcome {
  std::string name;
  std::vector<Change> changes;  // that were made
  std::optional<Error> error;   // why not all of them
  bool not_ready = false;       // `error` is a word about the pods: they will not work as they are, or came too late
};
// Of the owners that had something to change or went wrong. Error: a kind that the cluster does not know any more.
[[nodiscard]] Result<std::vector<OwnerOutcome>> perform_plan(const ClusterPlan& plan, const Writer& writer);

[[nodiscard]] std::string state_path(const registry::ModelName& model, const std::string& name_space);

}  // namespace mlctl::deploy
