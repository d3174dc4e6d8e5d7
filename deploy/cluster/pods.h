// Why a pod does not work, or is not made, in the words of whoever says so: scheduler, kubelet, the container's end,
// admission. Pure.
// Source: kstatus (cli-utils) for the states, k8s.io/kubernetes/pkg/kubelet/images for the reasons of the kubelet.
#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "deploy/objects.h"

namespace mlctl::deploy {

struct PodTrouble {
  // The worst last.
  enum class Kind { none, starting, not_ready, quota, admission, unschedulable, image, configuration, crash };
  Kind kind = Kind::none;
  std::string reason;         // "unschedulable: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu", "" when none
  std::int64_t restarts = 0;  // of a container that crashes
};
[[nodiscard]] const char* to_string(PodTrouble::Kind kind);  // "unschedulable", "image", …
[[nodiscard]] PodTrouble trouble_of(const nlohmann::ordered_json& pod);
// Why a Deployment has fewer pods than it should: quota, admission (a webhook, a policy), a part that is missing.
[[nodiscard]] PodTrouble trouble_of_deployment(const nlohmann::ordered_json& deployment);
// Which resource is short on how many nodes, and what else keeps pods away from others: of a scheduler's message; the
// message itself where it says something else.
[[nodiscard]] std::string shortage_in(const std::string& message);

// The worst of several pods with how many are in the same trouble: "2 pods: image: … not found". "" when none is.
[[nodiscard]] std::string trouble_of_all(const Objects& pods);

}  // namespace mlctl::deploy
