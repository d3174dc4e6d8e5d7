// What a cluster remembers of a model in an environment: one ConfigMap that is ApplySet parent (KEP-3659), lock and
// state in one. It survives an unassignment, so that an older assignment is refused for ever. Readable by people:
// `kubectl get configmap mlctl-NAME -o yaml`.
#pragma once
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>

#include "base/result.h"
#include "deploy/objects.h"
#include "deploy/rollout/state.h"
#include "registry/name.h"

namespace mlctl::deploy {

inline constexpr const char* part_of_label = "applyset.kubernetes.io/part-of";
inline constexpr const char* field_manager = "mlctl";

// What an apply works towards.
struct Work {
  std::string who;       // "": nobody
  std::string since;     // RFC 3339
  std::string revision;  // that is to serve; "": none
  bool operator==(const Work&) const = default;
};

struct ModelState {
  registry::ModelName model;
  std::string name_space, environment;
  std::uint64_t epoch = 0;       // raised by whoever takes over; a process that sees a higher one than its own stops
  std::uint64_t assignment = 0;  // the highest N that was ever begun here
  std::optional<Serves> stable;  // nullopt: nothing yet, or unassigned
  std::optional<RolloutState> rollout;         // that began, the last one; kept until something else serves
  std::set<std::uint64_t> aborted;             // assignments whose rollouts went back: they never had all traffic
  Work work;                                   // that is being done right now
  std::map<std::string, std::string> applied;  // object (key_in_state) -> SHA-256 of the body that was applied
  std::set<std::string> kinds;                 // "Deployment.apps": everything that may exist
  std::string resource_version;                // of the ConfigMap that was read; "": there is none
  bool operator==(const ModelState&) const = default;
};

inline constexpr std::size_t most_aborted = 100;  // that are remembered, the newest

[[nodiscard]] std::string state_name(const registry::ModelName& model);  // of the ConfigMap
[[nodiscard]] std::string applyset_id(const registry::ModelName& model, const std::string& name_space);
[[nodiscard]] std::string group_kind(const ObjectKey& key);    // "Deployment.apps", "Service"
[[nodiscard]] std::string key_in_state(const ObjectKey& key);  // "Deployment.apps/credit-risk-3f9c2a17be"

// That the ConfigMap names; of any ApplySet parent.
[[nodiscard]] std::set<std::string> kinds_of(const nlohmann::ordered_json& object);

[[nodiscard]] nlohmann::ordered_json to_object(const ModelState& state);  // the ConfigMap
// Error{conflict}: another tool's ApplySet, or another environment's (the caller asks). Error{corrupt}: edited by hand
// into something else, or written by a newer mlctl.
[[nodiscard]] Result<ModelState> parse_state(const nlohmann::ordered_json& object);

}  // namespace mlctl::deploy
