#include "tests/deploy/cluster/pod_samples.h"

#include <nlohmann/json.hpp>

namespace mlctl::deploy::test {

Json pod(const std::string& status) {
  Json out = {{"apiVersion", "v1"},
              {"kind", "Pod"},
              {"metadata",
               {{"name", "a-1"},
                {"namespace", "fraud"},
                {"labels", {{"app.kubernetes.io/managed-by", "mlctl"}, {"mlctl.dev/revision", "0123456789"}}}}}};
  out["status"] = Json::parse(status);
  static int version = 0;
  out["metadata"]["resourceVersion"] = "p" + std::to_string(++version);
  return out;
}

std::string waiting(const std::string& reason, const std::string& more) {
  return R"({"phase":"Pending","containerStatuses":[{"state":{"waiting":{"reason":")" + reason +
         R"(","message":"the )" + reason + R"("}})" + more + "}]}";
}

Json all_ready() {
  return {{"observedGeneration", 1},
          {"updatedReplicas", 1},
          {"replicas", 1},
          {"readyReplicas", 1},
          {"availableReplicas", 1}};
}

Json refused(const std::string& message) {
  const Json failure = {
      {"type", "ReplicaFailure"}, {"status", "True"}, {"reason", "FailedCreate"}, {"message", message}};
  return {{"status", {{"conditions", Json::array({failure})}}}};
}

}  // namespace mlctl::deploy::test
