// Why a pod does not work, in the words of whoever says so: scheduler, kubelet, the container's end. Pure.
// Source: kstatus (cli-utils) for the states, k8s.io/kubernetes/pkg/kubelet/images for the reasons of the kubelet.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "deploy/objects.h"

namespace mlctl::deploy {

struct PodTrouble {
  enum class Kind { none, starting, not_ready, unschedulable, image, configuration, crash };  // the worst last
  Kind kind = Kind::none;
  std::string reason;  // "unschedulable: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu", "" when none
};
[[nodiscard]] const char* to_string(PodTrouble::Kind kind);  // "unschedulable", "image", …
[[nodiscard]] PodTrouble trouble_of(const nlohmann::ordered_json& pod);

// The worst of several pods with how many are in the same trouble: "2 pods: image: … not found". "" when none is.
[[nodiscard]] std::string trouble_of_all(const Objects& pods);

}  // namespace mlctl::deploy
