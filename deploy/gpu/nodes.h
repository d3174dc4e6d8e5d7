// GPU nodes as the API server shows them: what a scheduler may give away, and what GPU feature discovery says of them.
// Pure. Source of the names: NVIDIA k8s-device-plugin, gpu-feature-discovery.
#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "deploy/objects.h"

namespace mlctl::deploy {

inline constexpr const char* gpu_resource = "nvidia.com/gpu";
inline constexpr const char* gpu_label = "mlctl.dev/gpu";                   // of a node that was marked: "fit", "unfit"
inline constexpr const char* checked_annotation = "mlctl.dev/gpu-checked";  // when that was found: RFC 3339

struct Taint {
  std::string key, value, effect;
  bool operator==(const Taint&) const = default;
};

struct GpuNode {
  std::string name;
  std::int64_t count = 0;     // GPUs that pods can get
  std::int64_t labelled = 0;  // by nvidia.com/gpu.count; 0: the label is not there
  std::string model;          // "NVIDIA-H100-80GB-HBM3"; "": the label is not there
  std::int64_t memory = 0;    // MiB of each; 0: not known
  int major = 0, minor = 0;   // compute capability; 0.0: not known
  std::vector<Taint> taints;
  bool ready = false;
  std::string mark;    // of an earlier check: gpu_label's value, or ""
  std::string marked;  // when that check began; "": nobody says
  bool in_parts =
      false;  // what it offers are parts of GPUs (MIG) or turns on them (time-slicing, MPS): not to be counted
};

// Of the nodes that have GPUs, or should have: where the driver or the device plugin is broken, `count` is 0. By name.
[[nodiscard]] std::vector<GpuNode> gpu_nodes(const Objects& nodes);

struct GpuMark {
  std::string node;
  bool fit = false;
  std::string when;  // that the check began: RFC 3339
};
// What a merge patch of a node, as it was read, has to be for it to be marked so, its other taints kept: the label and
// when, and for a node that is not fit the taint mlctl.dev/gpu=unfit:NoSchedule. Refused (409) where somebody changed
// the node since.
[[nodiscard]] nlohmann::ordered_json mark_patch(const nlohmann::ordered_json& node, const GpuMark& mark);

}  // namespace mlctl::deploy
