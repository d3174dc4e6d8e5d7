// Looks at the machine once, in order: libraries, baseline health, one exact product, health again.
// Judges nothing and never throws away what it could not read.
#pragma once

#include <functional>

#include "evidence.h"
#include "probes.h"

namespace gpu_smoke {

struct ObserveOptions {
  int gemm_m = 1024;
  int gemm_n = 1024;
  int gemm_k = kMaxGemmK;
  std::uint64_t seed = 20260101;
};

// `publish` gets the evidence so far after every step, so that a watchdog that gives up on a hung driver
// still has all that was seen before.
Evidence observe(Nvml& nvml, Cuda& cuda, const ObserveOptions& options,
                 const std::function<void(const Evidence&)>& publish);

}  // namespace gpu_smoke
