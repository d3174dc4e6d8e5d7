#include "deploy/cluster/health.h"

#include <nlohmann/json.hpp>

#include "deploy/cluster/fields.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;
using Kind = Health::Kind;

Health waiting(const std::string& reason) {
  return {Kind::waiting, reason};
}

// In the order of kstatus: new pods, old pods, available, ready.
Health deployment(const Json& object) {
  const Json& status = field(object, "status");
  const Json& progressing = condition(status, "Progressing");
  if (text_field(progressing, "reason") == "ProgressDeadlineExceeded")
    return {Kind::failed, "no progress within its deadline: " + text_field(progressing, "message")};
  const auto wanted = number_field(field(object, "spec"), "replicas", 1);
  const auto of = " of " + std::to_string(wanted) + " replicas ";
  const auto updated = number_field(status, "updatedReplicas"), total = number_field(status, "replicas");
  if (updated < wanted) {
    const auto refused = refusal_of_pods(object);
    return waiting(std::to_string(updated) + of + "made" + (refused.empty() ? "" : ": " + refused));
  }
  if (total > updated) return waiting(std::to_string(total - updated) + " old replicas left");
  const auto ready = number_field(status, "readyReplicas"), available = number_field(status, "availableReplicas");
  if (ready < wanted) return waiting(std::to_string(ready) + of + "ready");
  if (available < wanted) return waiting(std::to_string(available) + of + "available");
  return {Kind::ready, ""};
}

}  // namespace

std::string refusal_of_pods(const Json& deployment) {
  const Json& failure = condition(field(deployment, "status"), "ReplicaFailure");
  return text_field(failure, "status") == "True" ? text_field(failure, "message") : "";
}

Health health_of(const Json& object) {
  const Json& metadata = field(object, "metadata");
  if (!text_field(metadata, "deletionTimestamp").empty()) return waiting("is being deleted");
  const Json& status = field(object, "status");
  if (text_field(object, "kind") != "Deployment") return {Kind::ready, ""};
  if (number_field(status, "observedGeneration") < number_field(metadata, "generation"))
    return waiting("its controller has not seen it yet");
  return deployment(object);
}

}  // namespace mlctl::deploy
