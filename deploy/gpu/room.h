// Whether new pods that ask for GPUs find them: what a scheduler will say, before anything is changed. Pure.
// Sources: kubernetes.io, "Taints and Tolerations", "Schedule GPUs", "Sidecar Containers" (resource sharing within
// containers); the labels are those of deploy/gpu/nodes.h.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "deploy/config.h"
#include "deploy/gpu/nodes.h"
#include "deploy/objects.h"

namespace mlctl::deploy {

// What `mlctl gpu check --cluster` found on a node.
struct GpuReport {
  bool unfit = false;
  std::string when;  // RFC 3339, as it says itself: hostile
};
// Of a node by its name; nullopt: none is kept here.
using GpuReportOf = std::function<std::optional<GpuReport>(const std::string& node)>;

struct NodeRoom {
  GpuNode node;
  std::optional<GpuReport> report;
  std::int64_t taken = 0;  // GPUs that pods hold
  // Somebody who checked it later may have marked it fit. Times of RFC 3339 in UTC are ordered as texts.
  [[nodiscard]] bool unfit() const {
    return report && report->unfit && !(node.mark == "fit" && node.marked > report->when);
  }
};

struct Toleration {
  std::string key, op, value, effect;
};
[[nodiscard]] std::vector<Toleration> tolerations_of(const nlohmann::ordered_json& pod_spec);
[[nodiscard]] bool tolerates(const std::vector<Toleration>& tolerations, const Taint& taint);

// By node; "": of pods that wait for one. A pod that has ended, or is being ended, holds none.
[[nodiscard]] std::map<std::string, std::int64_t> gpus_taken(const Objects& pods);

struct GpuNeed {
  Gpu gpu;  // of each pod
  std::int64_t pods = 0;
  std::vector<Toleration> tolerations = {};  // of each pod
};
// Why none of these pods is put there, however few others are: "it is not ready". "": they may be.
[[nodiscard]] std::string why_not(const NodeRoom& room, const GpuNeed& need);

// How many pods of each need find a place: those first that the fewest nodes are for, then the largest; each where the
// least is left over. What all pods of a need have found is taken afterwards; a need of which one is left over takes
// nothing.
[[nodiscard]] std::vector<std::int64_t> find_places(std::vector<NodeRoom>& nodes, const std::vector<GpuNeed>& needs);

// "2 new pods want 1 GPU each, there is room for 1", and a line for each node that says why, of at most ten.
[[nodiscard]] std::string shortage(const std::vector<NodeRoom>& nodes, const GpuNeed& need, std::int64_t placed);

}  // namespace mlctl::deploy
