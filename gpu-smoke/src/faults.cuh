// Faults on purpose, to see that the checks catch them: only in a build with -DGPU_SMOKE_FAULTS=ON, and only one that
// the environment's GPU_SMOKE_FAULT or trials.cpp names. An ordinary build has none of this.
#pragma once

#include <cstddef>

namespace gpu_smoke {

#ifdef GPU_SMOKE_FAULTS
__device__ int skipped_block = -1;

// The block of the product that is left out, counted over all copies.
__device__ inline bool skips_block() {
  return static_cast<int>((blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x) == skipped_block;
}

__global__ void flip_bit(unsigned* word, unsigned bit) {
  *word ^= 1U << bit;
}
__global__ void alias_word(unsigned long long* to, const unsigned long long* from) {
  *to = *from;
}
#else
__device__ inline bool skips_block() {
  return false;
}
#endif

}  // namespace gpu_smoke
