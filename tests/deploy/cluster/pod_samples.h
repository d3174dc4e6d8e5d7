// Pods and Deployments in trouble, as a cluster says it.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace mlctl::deploy::test {

using Json = nlohmann::ordered_json;

// "a-1" of revision 0123456789 in namespace fraud, at another version each time.
[[nodiscard]] Json pod(const std::string& status);

// In that state, as the kubelet puts it; `more` of the container.
[[nodiscard]] std::string waiting(const std::string& reason, const std::string& more = "");

inline constexpr const char* unschedulable =
    R"({"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable",
        "message":"0/3 nodes are available: 3 Insufficient nvidia.com/gpu."}]})";
inline constexpr const char* out_of_memory =
    R"({"phase":"Running","containerStatuses":[{"restartCount":4,
        "state":{"waiting":{"reason":"CrashLoopBackOff","message":"back-off"}},
        "lastState":{"terminated":{"reason":"OOMKilled","exitCode":137}}}]})";
inline constexpr const char* running = R"({"phase":"Running","conditions":[{"type":"Ready","status":"False"}]})";

// The status of a Deployment with one replica.
[[nodiscard]] Json all_ready();

// A Deployment whose ReplicaSet was refused its pods.
[[nodiscard]] Json refused(const std::string& message);

}  // namespace mlctl::deploy::test
