// The Job that runs gpu-smoke on one node: pinned to it, past its taints, with all of its GPUs. Pure.
#pragma once
#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/clock.h"
#include "deploy/gpu/nodes.h"

namespace mlctl::deploy {

struct GpuJobRequest {
  std::string image;                         // whose entry point is gpu-smoke
  std::string name_space;                    // of the Jobs
  bool quick = false;                        // health and one exact product, instead of the standard level
  Duration limit = std::chrono::minutes(5);  // of one Job, the wait for its GPUs included
  std::string run = {};                      // tells the Jobs of this run from those of another; "": nobody asks
};

inline constexpr const char* gpu_job_selector = "app.kubernetes.io/managed-by=mlctl,app.kubernetes.io/name=gpu-check";
inline constexpr const char* node_annotation = "mlctl.dev/node";
inline constexpr const char* run_annotation = "mlctl.dev/run";

// One node's Job has one name: two checks at a time would take the GPUs from each other.
[[nodiscard]] std::string gpu_job_name(const std::string& node);
// Never run again after one of gpu-smoke's own answers (exit codes 0, 1, 2, 3, 5); run again when the pod was evicted.
// How many GPUs are expected is told where whole ones are offered: of one that is shared a process sees no parts.
[[nodiscard]] nlohmann::ordered_json gpu_job(const GpuNode& node, const GpuJobRequest& request);

// What became of a Job, of itself and its pods.
struct GpuJobEnd {
  bool over = false;
  int exit_code = -1;   // of gpu-smoke; -1: it has not ended by itself, or its Job may try again
  std::string pod;      // whose log holds the report; "": none
  std::string problem;  // why there is no answer, or none yet: deadline, unschedulable, image; "": none
  bool unschedulable = false, no_image = false;  // it waits for something that may never come
};
[[nodiscard]] GpuJobEnd end_of(const nlohmann::ordered_json& job, const Objects& pods);

}  // namespace mlctl::deploy
