// The kernel alone, so that tests/kernel_test.cpp can run the same text on a CPU, thread by thread.
// dp4a: four int8 products per thread and instruction, on the integer units; no tensor core is used.
#pragma once

#include <cstddef>

namespace gpu_smoke {

constexpr int kTile = 64;     // output rows and columns per block
constexpr int kThreads = 16;  // per side of a block; each thread owns 4 x 4 outputs
constexpr int kPerThread = kTile / kThreads;
constexpr int kWords = 8;  // of four int8 along k per step
static_assert(kTile * kWords == 2 * kThreads * kThreads, "each thread loads two words of each tile");

// a: m rows, b: n rows (transposed), each of `words` packed words; m and n multiples of kTile, words of kWords.
__global__ void exact_gemm(const int* a, const int* b, int* c, int n, int words) {
  __shared__ int tile_a[kTile][kWords + 1];
  __shared__ int tile_b[kTile][kWords + 1];
  const int thread = threadIdx.y * kThreads + threadIdx.x;
  const int first_row = blockIdx.y * kTile;
  const int first_column = blockIdx.x * kTile;
  int sum[kPerThread][kPerThread] = {};
  for (int start = 0; start < words; start += kWords) {
    for (int i = thread; i < kTile * kWords; i += kThreads * kThreads) {
      const int row = i / kWords;
      const int word = i % kWords;
      tile_a[row][word] = a[static_cast<std::size_t>(first_row + row) * words + start + word];
      tile_b[row][word] = b[static_cast<std::size_t>(first_column + row) * words + start + word];
    }
    __syncthreads();
    for (int word = 0; word < kWords; ++word) {
      for (int r = 0; r < kPerThread; ++r) {
        for (int q = 0; q < kPerThread; ++q) {
          sum[r][q] =
              __dp4a(tile_a[threadIdx.y + r * kThreads][word], tile_b[threadIdx.x + q * kThreads][word], sum[r][q]);
        }
      }
    }
    __syncthreads();
  }
  for (int r = 0; r < kPerThread; ++r) {
    for (int q = 0; q < kPerThread; ++q) {
      const std::size_t row = first_row + threadIdx.y + r * kThreads;
      c[row * n + first_column + threadIdx.x + q * kThreads] = sum[r][q];
    }
  }
}

}  // namespace gpu_smoke
