// A cluster in memory in which assignment 1 of one or several models serves and assignment 2 is about to begin as a
// rollout. Pods count by what the routes say.
#pragma once
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <vector>

#include "deploy/cluster/discovery.h"
#include "deploy/cluster/plan.h"
#include "deploy/rollout/drive.h"
#include "deploy/rollout/start.h"
#include "tests/deploy/cluster/memory_cluster.h"

namespace mlctl::deploy::test {

// Two steps that are judged in blocks of four seconds.
extern const char* const quick_rollout;

// What git assigns: `n` of each model of tenant fraud.
[[nodiscard]] Desired assigned(const std::vector<std::string>& models, std::uint64_t n, const std::string& yaml,
                               bool monitored = false);

struct Stage {
  explicit Stage(std::vector<std::string> models = {"credit-risk"}, const std::string& yaml = quick_rollout);

  MemoryCluster cluster;
  ManualClock clock;
  Discovery discovery{cluster, clock, {}, "test"};
  std::vector<std::string> models;
  Desired second;
  ClusterPlan plan;                       // of `second`
  std::map<std::string, double> counted;  // by pod
  std::string failing;                    // the canary of this model answers 500

  [[nodiscard]] RolloutSeams seams() { return {cluster, discovery, clock, {}, {}}; }
  [[nodiscard]] RolloutPlace place(std::size_t model = 0) const;
  [[nodiscard]] const OwnerPlan& owner(std::size_t model = 0) const;
  [[nodiscard]] ModelState state(std::size_t model = 0);
  // The rollouts of all models.
  void begin(const std::vector<std::string>& recorded = {});
  // Takes the rollout of the first model, and drives it.
  [[nodiscard]] Result<ModelState> drive_to_the_end(const std::string& who, bool force = false);
  // Ticks until the first model's rollout is in this phase.
  void tick_until(Driver& driver, Phase phase);
  [[nodiscard]] std::set<std::string> objects() const;  // the paths of all
  [[nodiscard]] const std::string& model_of(const std::string& pod) const;

 private:
  std::string page(const std::string& pod);
};

// Of the first model's route.
inline constexpr const char* route_at = "/apis/gateway.networking.k8s.io/v1/namespaces/fraud/httproutes/credit-risk";

}  // namespace mlctl::deploy::test
