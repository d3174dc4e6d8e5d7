// The verdict rules: pure functions from evidence to report. Fail closed: what could not be asked is an
// error and never a pass; a fault that was seen outweighs everything that was not.
#pragma once

#include "metrics.h"
#include "report.h"

namespace gpu_smoke {

[[nodiscard]] Report judge(const Evidence& evidence, const Policy& policy);

// One GPU as the rules see it; either side may be missing.
struct Subject {
  const Evidence& evidence;
  const Policy& policy;
  const CudaGpu* cuda = nullptr;
  const NvmlGpu* nvml = nullptr;
};

// Why the GPU is not ours alone: "mig", "shared" (other processes were on it), "sharing-unknown" (NVML does not say),
// or empty. Then neither its speed nor a counter of the whole GPU condemns it; a wrong result is as wrong as ever.
[[nodiscard]] std::string sharing(const Subject& subject);
// True for "mig" and "shared": then measurements of speed say nothing at all.
[[nodiscard]] bool is_shared(const Subject& subject);

// The rules, in the order in which they are reported. Each level has its own set.
[[nodiscard]] std::vector<Check> judge_node(const Evidence& evidence, const Policy& policy);
[[nodiscard]] std::vector<Check> judge_health(const Subject& subject);       // verdict_health.cpp
[[nodiscard]] std::vector<Check> judge_load(const Subject& subject);         // verdict_load.cpp: power, link, clocks
[[nodiscard]] std::vector<Check> judge_correctness(const Subject& subject);  // verdict_correct.cpp
[[nodiscard]] std::vector<Check> judge_speed(const Subject& subject);        // verdict_speed.cpp

// Measurements that would fail their GPU, by reference, peers or history: worth one retry.
[[nodiscard]] std::vector<LowMetric> low_metrics(const Evidence& evidence);

}  // namespace gpu_smoke
