// Looking at a rollout: its state, the objects and pods of its arms, the route, what the pods have counted. And what
// that means for decide().
#pragma once
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "base/result.h"
#include "deploy/cluster/api.h"
#include "deploy/cluster/discovery.h"
#include "deploy/cluster/state.h"
#include "deploy/config.h"
#include "deploy/rollout/decide.h"

namespace mlctl::deploy {

inline constexpr const char* epoch_annotation = "mlctl.dev/epoch";

// Which rollout: a model where it runs.
struct RolloutPlace {
  registry::ModelName model;
  std::string name_space, environment;
};

struct RolloutSeams {
  Cluster& cluster;
  Discovery& discovery;
  Clock& clock;
  std::optional<PrometheusConfig> prometheus;
  std::function<Result<std::string>(const std::string& url)> fetch;  // the body of a 200; for prometheus.url
};

struct RolloutLive {
  ModelState state;
  WallTime now{};                                       // by the server's clock
  std::map<ObjectKey, nlohmann::ordered_json> objects;  // of the model, but for pods
  Objects pods;
  std::map<std::string, std::int64_t> endpoints = {};  // that are ready, by Service, while pods are waited for
  [[nodiscard]] const nlohmann::ordered_json* find(const std::string& kind, const std::string& name) const;
  // What a revision was rendered as (its ControllerRevision); empty: it is not kept.
  [[nodiscard]] Objects revision(const std::string& revision) const;
};
// The state alone, by one request, and the server's time. Errors as of look().
[[nodiscard]] Result<ModelState> look_at_state(const RolloutSeams& seams, const RolloutPlace& place, WallTime& now);
// Error{not_found}: the model has no state here; Error{conflict}: it is another environment's.
[[nodiscard]] Result<RolloutLive> look(const RolloutSeams& seams, const RolloutPlace& place);

// For what a server has counted: who does not answer within it is looked at again at the next tick.
inline constexpr std::chrono::seconds patience_with_counters{10};

// Of the pods of both arms that are there. Sets `scraped` and the counters, or `blind`.
void scrape(const RolloutSeams& seams, const RolloutLive& live, const RolloutState& rollout, Observation& into);
// What is seen without asking the pods. Pure.
[[nodiscard]] Observation seen_of(const RolloutLive& live, const RolloutState& rollout);

// Raw samples of the pods of these revisions, by pod; a pod without series is not in it. Error: nothing could be read.
// `instead` hears why the pods were asked where a Prometheus should have been.
[[nodiscard]] Result<std::map<std::string, PodSample>> read_samples(const RolloutSeams& seams, const RolloutLive& live,
                                                                    const Counting& counting,
                                                                    const std::vector<std::string>& revisions,
                                                                    std::string* instead = nullptr);
// Pods of a revision that are not going.
[[nodiscard]] std::vector<const nlohmann::ordered_json*> pods_of(const RolloutLive& live, const std::string& revision);
[[nodiscard]] bool is_ready(const nlohmann::ordered_json& pod);

}  // namespace mlctl::deploy
