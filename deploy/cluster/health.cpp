#include "deploy/cluster/health.h"

#include <nlohmann/json.hpp>

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;
using Kind = Health::Kind;

const Json& part(const Json& value, const char* key) {
  static const Json none;
  if (!value.is_object()) return none;
  const auto found = value.find(key);
  return found == value.end() ? none : *found;
}

std::string text(const Json& value, const char* key) {
  const Json& found = part(value, key);
  return found.is_string() ? found.get<std::string>() : "";
}

std::int64_t number(const Json& value, const char* key, std::int64_t otherwise = 0) {
  const Json& found = part(value, key);
  return found.is_number_integer() ? found.get<std::int64_t>() : otherwise;
}

const Json& condition(const Json& status, const std::string& type) {
  static const Json none;
  const Json& all = part(status, "conditions");
  if (!all.is_array()) return none;
  for (const auto& one : all)
    if (text(one, "type") == type) return one;
  return none;
}

Health waiting(const std::string& reason) {
  return {Kind::waiting, reason};
}

// In the order of kstatus: new pods, old pods, available, ready.
Health deployment(const Json& object) {
  const Json& status = part(object, "status");
  const Json& progressing = condition(status, "Progressing");
  if (text(progressing, "reason") == "ProgressDeadlineExceeded")
    return {Kind::failed, "no progress within its deadline: " + text(progressing, "message")};
  const auto wanted = number(part(object, "spec"), "replicas", 1);
  const auto of = " of " + std::to_string(wanted) + " replicas ";
  const auto updated = number(status, "updatedReplicas"), total = number(status, "replicas");
  if (updated < wanted) return waiting(std::to_string(updated) + of + "made");
  if (total > updated) return waiting(std::to_string(total - updated) + " old replicas left");
  const auto ready = number(status, "readyReplicas"), available = number(status, "availableReplicas");
  if (ready < wanted) return waiting(std::to_string(ready) + of + "ready");
  if (available < wanted) return waiting(std::to_string(available) + of + "available");
  return {Kind::ready, ""};
}

}  // namespace

Health health_of(const Json& object) {
  const Json& metadata = part(object, "metadata");
  if (!text(metadata, "deletionTimestamp").empty()) return waiting("is being deleted");
  const Json& status = part(object, "status");
  if (text(object, "kind") != "Deployment") return {Kind::ready, ""};
  if (number(status, "observedGeneration") < number(metadata, "generation")) return waiting("not seen yet");
  return deployment(object);
}

}  // namespace mlctl::deploy
