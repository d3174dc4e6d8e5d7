// The product on the ordinary units, for fp32, and for fp64 where no tensor core has it.
#pragma once

#include <cstddef>

namespace gpu_smoke {

constexpr int kPlainBlock = 128;  // output rows and columns per block of 256 threads, 8 x 8 each
constexpr int kPlainSide = 16;

// As tensor_gemm: rows of A and columns of B along k, a whole result for each blockIdx.z.
// gridDim = {columns / 128, rows / 128, copies}; vectors a multiple of 2.
template <class Number>
__global__ void __launch_bounds__(kPlainSide* kPlainSide)
    plain_gemm(const uint4* a, const uint4* b, Number* c, int vectors, unsigned* sms) {
  constexpr int kPerVector = 16 / sizeof(Number);
  constexpr int kDepth = 2 * kPerVector;
  // Transposed and padded, so that neighbouring threads read neighbouring numbers.
  __shared__ Number tile_a[kDepth][kPlainBlock + 1];
  __shared__ Number tile_b[kDepth][kPlainBlock + 1];
  if (skips_block()) return;
  const int x = threadIdx.x % kPlainSide;
  const int y = threadIdx.x / kPlainSide;
  const int row = threadIdx.x / 2;
  const int part = threadIdx.x % 2;
  a += (static_cast<std::size_t>(blockIdx.y) * kPlainBlock + row) * vectors;
  b += (static_cast<std::size_t>(blockIdx.x) * kPlainBlock + row) * vectors;
  Number sum[8][8] = {};
  for (int vector = 0; vector < vectors; vector += 2) {
    const uint4 next_a = a[vector + part];
    const uint4 next_b = b[vector + part];
    Number numbers[2][kPerVector];
    memcpy(numbers[0], &next_a, sizeof(next_a));
    memcpy(numbers[1], &next_b, sizeof(next_b));
    for (int i = 0; i < kPerVector; ++i) {
      tile_a[part * kPerVector + i][row] = numbers[0][i];
      tile_b[part * kPerVector + i][row] = numbers[1][i];
    }
    __syncthreads();
    for (int k = 0; k < kDepth; ++k) {
      Number mine_a[8];
      Number mine_b[8];
      for (int i = 0; i < 8; ++i) {
        mine_a[i] = tile_a[k][y + kPlainSide * i];
        mine_b[i] = tile_b[k][x + kPlainSide * i];
      }
      for (int r = 0; r < 8; ++r) {
        for (int q = 0; q < 8; ++q) sum[r][q] += mine_a[r] * mine_b[q];
      }
    }
    __syncthreads();
  }
  const std::size_t columns = static_cast<std::size_t>(gridDim.x) * kPlainBlock;
  c += static_cast<std::size_t>(blockIdx.z) * gridDim.y * kPlainBlock * columns;
  for (int r = 0; r < 8; ++r) {
    for (int q = 0; q < 8; ++q) {
      const std::size_t to = static_cast<std::size_t>(blockIdx.y) * kPlainBlock + y + kPlainSide * r;
      c[to * columns + blockIdx.x * kPlainBlock + x + kPlainSide * q] = sum[r][q];
    }
  }
  if (threadIdx.x == 0 && sms != nullptr) {
    sms[(blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x] = sm_id();
  }
}

}  // namespace gpu_smoke
