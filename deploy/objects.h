// Configuration -> Kubernetes objects: a pure function that render, diff, apply and (later) the rollout driver share.
// A revision is the hash of (model digest + pod template), ten characters in names; Deployment, Service, autoscaler,
// disruption budget and PodMonitor exist once per revision and are never mutated into another; ServiceAccount, Service
// and HTTPRoute once per model; Namespace and ResourceQuota once per tenant.
#pragma once
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/result.h"
#include "deploy/config.h"
#include "deploy/rollout/config.h"
#include "registry/name.h"

namespace mlctl::deploy {

// A revision as it was applied once.
struct AsApplied;

// One model version in one environment: everything that its objects depend on.
struct Spec {
  registry::ModelName model;
  registry::Version version;
  Digest digest;                // of the model's manifest
  Digest image;                 // of the mountable image over the same blobs
  std::string commit;           // of the version's tag
  std::int64_t assignment = 0;  // N of the stage; 0: not assigned (a look)
  Serving serving;
  RolloutConfig rollout;
  Runtime runtime;
  Environment environment;
  std::string name_space;
  bool way_back = false;                  // assigned as the way back from another version: it takes the traffic at once
  std::shared_ptr<const AsApplied> kept;  // when it served: nothing is rendered, only N is new; null: rendered
};

struct ObjectKey {
  std::string api_version, kind, name_space, name;
  auto operator<=>(const ObjectKey&) const = default;
};
[[nodiscard]] std::string to_string(const ObjectKey& key);  // "Deployment fraud/credit-risk-3f9c2a17be"
[[nodiscard]] ObjectKey key_of(const nlohmann::ordered_json& object);

using Objects = std::vector<nlohmann::ordered_json>;

struct AsApplied {
  std::string revision;
  Objects objects;
};

// Error{usage}: no `pull:`, a model name that Kubernetes does not take for a Service, an unknown runtime profile, a
// variable that the profile sets itself.
[[nodiscard]] Result<Objects> model_objects(const Spec& spec);
[[nodiscard]] Objects tenant_objects(const Tenant& tenant);
// Ten hex digits; depends on the model's digest and on everything in the pod template (labels and annotations too), on
// nothing else.
[[nodiscard]] Result<std::string> revision_of(const Spec& spec);

inline constexpr const char* managed_label = "app.kubernetes.io/managed-by";  // "mlctl"
inline constexpr const char* revision_label = "mlctl.dev/revision";
inline constexpr const char* model_annotation = "mlctl.dev/model";  // "fraud/credit-risk"
inline constexpr const char* tenant_annotation = "mlctl.dev/tenant";
inline constexpr const char* assignment_annotation = "mlctl.dev/assignment";
inline constexpr const char* version_annotation = "mlctl.dev/version";
inline constexpr const char* digest_annotation = "mlctl.dev/digest";
inline constexpr const char* commit_annotation = "mlctl.dev/commit";

}  // namespace mlctl::deploy
