// What the CUDA seam does on the current device, one file each. All free what they allocate.
#pragma once

#include "evidence.h"
#include "gemm_problem.h"

namespace gpu_smoke {

struct Chip {
  int major = 0;
  int minor = 0;
  int sm_count = 0;
};

[[nodiscard]] GemmRun run_integer_product(const GemmProblem& problem);                                 // cuda_products
[[nodiscard]] GemmRun run_exact_product(const Chip& chip, DataType type, const GemmProblem& problem);  // cuda_products
[[nodiscard]] SustainedRun run_sustained(const Chip& chip, double seconds,
                                         const GemmProblem& problem);  // cuda_sustained
[[nodiscard]] MemoryRun run_memory_test();                             // cuda_memory
[[nodiscard]] FirstKernel run_first_kernel();                          // cuda_memory
[[nodiscard]] BandwidthRun run_transfer(bool to_device);               // cuda_transfers
[[nodiscard]] BandwidthRun run_copy(const Chip& chip);                 // cuda_transfers
[[nodiscard]] PeerRun run_peer(int from, int to);                      // cuda_transfers
[[nodiscard]] SpeedRun run_speed(const Chip& chip, DataType type);     // cuda_speed

}  // namespace gpu_smoke
