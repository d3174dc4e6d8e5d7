// Looks at the machine once, in order: libraries, baseline health, then on all GPUs at once memory, exact
// products, transfers, speed and sustained load, then health again. Judges nothing and never throws away what
// it could not read. Only measurements of speed are ever repeated, and the evidence says so.
#pragma once

#include <functional>
#include <vector>

#include "board.h"
#include "metrics.h"
#include "probes.h"

namespace gpu_smoke {

struct ObserveOptions {
  Level level = Level::standard;
  int gemm_size = 1024;  // rows and columns
  int gemm_depth = kMaxGemmK;
  std::uint64_t seed = 20260101;
  double sustained_seconds = 8;  // for burn_in: in all
  double cool_down_seconds = 3;
  std::string kernel_log = "/dev/kmsg";
  // Which measurements are so low that they deserve a second try.
  std::function<std::vector<LowMetric>(const Evidence&)> low_metrics = [](const Evidence&) {
    return std::vector<LowMetric>();
  };
};

// The board has all that was seen at any time, so that a watchdog that gives up on a hung driver still has it.
void observe(Nvml& nvml, Cuda& cuda, const ObserveOptions& options, Board& board);

}  // namespace gpu_smoke
