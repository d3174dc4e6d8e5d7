// The product on tensor cores, one text for six types: operands are rows of bytes, and only mma() differs.
// tests/kernel_test.cpp runs it on a CPU, lane by lane.
#pragma once

#include <cstddef>

#include "mma.cuh"

namespace gpu_smoke {

constexpr int kBlock = 128;         // output rows and columns per block
constexpr int kBlockThreads = 256;  // eight warps, each with 64 rows and 32 columns
constexpr int kSliceVectors = 4;    // of 16 bytes along k per step
// In words. The padding puts the eight rows that a warp reads at once into different banks.
constexpr int kRowWords = 4 * kSliceVectors + 8;
constexpr int kWarpRows = 64;
constexpr int kWarpColumns = 32;
constexpr int kRowTiles = kWarpRows / 16;
constexpr int kColumnTiles = kWarpColumns / 8;
static_assert(kBlockThreads * 2 == kBlock * kSliceVectors, "each thread loads two vectors of each operand");

struct alignas(16) Tile {
  unsigned words[kBlock][kRowWords];
};

__device__ inline void load_slice(const uint4* from, int vectors, int slice, uint4 (&registers)[2]) {
  for (int part = 0; part < 2; ++part) {
    const int row = threadIdx.x / kSliceVectors + part * kBlock / 2;
    registers[part] =
        from[static_cast<std::size_t>(row) * vectors + slice * kSliceVectors + threadIdx.x % kSliceVectors];
  }
}

__device__ inline void store_slice(Tile& tile, const uint4 (&registers)[2]) {
  for (int part = 0; part < 2; ++part) {
    const int row = threadIdx.x / kSliceVectors + part * kBlock / 2;
    *reinterpret_cast<uint4*>(&tile.words[row][threadIdx.x % kSliceVectors * 4]) = registers[part];
  }
}

// Each lane takes two neighbouring words where mma() speaks of words 16 bytes apart: k is permuted alike in A and
// B, which changes no sum, and the words come in one load. For fp64 the two words are one number.
template <DataType type>
__device__ inline void multiply_slice(const Tile& a, const Tile& b, Result<type> (&sum)[kRowTiles][kColumnTiles][4]) {
  const int lane = threadIdx.x % 32;
  const int warp = threadIdx.x / 32;
  const int first_row = warp / 4 * kWarpRows + lane / 4;
  const int first_column = warp % 4 * kWarpColumns + lane / 4;
  for (int step = 0; step < kSliceVectors / 2; ++step) {
    const int word = 8 * step + lane % 4 * 2;
    uint2 low[kRowTiles];
    uint2 high[kRowTiles];
    uint2 column[kColumnTiles];
    for (int r = 0; r < kRowTiles; ++r) {
      low[r] = *reinterpret_cast<const uint2*>(&a.words[first_row + 16 * r][word]);
      high[r] = *reinterpret_cast<const uint2*>(&a.words[first_row + 16 * r + 8][word]);
    }
    for (int c = 0; c < kColumnTiles; ++c) {
      column[c] = *reinterpret_cast<const uint2*>(&b.words[first_column + 8 * c][word]);
    }
    for (int r = 0; r < kRowTiles; ++r) {
      for (int c = 0; c < kColumnTiles; ++c) {
        mma<type>(sum[r][c], low[r].x, high[r].x, low[r].y, high[r].y, column[c].x, column[c].y);
      }
    }
  }
}

template <DataType type>
__device__ inline void store_sums(Result<type>* c, int columns, const Result<type> (&sum)[kRowTiles][kColumnTiles][4]) {
  const int lane = threadIdx.x % 32;
  const int warp = threadIdx.x / 32;
  for (int r = 0; r < kRowTiles; ++r) {
    for (int q = 0; q < kColumnTiles; ++q) {
      for (int i = 0; i < 4; ++i) {
        const std::size_t row = blockIdx.y * kBlock + warp / 4 * kWarpRows + 16 * r + lane / 4 + i / 2 * 8;
        const int column = blockIdx.x * kBlock + warp % 4 * kWarpColumns + 8 * q + lane % 4 * 2 + i % 2;
        c[row * columns + column] = sum[r][q][i];
      }
    }
  }
}

// a: rows of A, b: columns of B, each of `vectors` times 16 bytes; c: a whole result for each blockIdx.z.
// gridDim = {columns / 128, rows / 128, copies}; vectors a multiple of 4. sms[block]: where it ran.
template <DataType type>
__global__ void __launch_bounds__(kBlockThreads)
    tensor_gemm(const uint4* a, const uint4* b, Result<type>* c, int vectors, unsigned* sms) {
  __shared__ Tile tile_a[2];
  __shared__ Tile tile_b[2];
  if (skips_block()) return;
  a += static_cast<std::size_t>(blockIdx.y) * kBlock * vectors;
  b += static_cast<std::size_t>(blockIdx.x) * kBlock * vectors;
  const int columns = gridDim.x * kBlock;
  Result<type> sum[kRowTiles][kColumnTiles][4] = {};
  uint4 next_a[2];
  uint4 next_b[2];
  load_slice(a, vectors, 0, next_a);
  load_slice(b, vectors, 0, next_b);
  store_slice(tile_a[0], next_a);
  store_slice(tile_b[0], next_b);
  __syncthreads();
  const int slices = vectors / kSliceVectors;
  for (int slice = 0; slice < slices; ++slice) {
    const bool more = slice + 1 < slices;
    if (more) {
      load_slice(a, vectors, slice + 1, next_a);
      load_slice(b, vectors, slice + 1, next_b);
    }
    multiply_slice<type>(tile_a[slice % 2], tile_b[slice % 2], sum);
    if (more) {  // into the other half, which nobody reads since the last barrier
      store_slice(tile_a[(slice + 1) % 2], next_a);
      store_slice(tile_b[(slice + 1) % 2], next_b);
    }
    __syncthreads();
  }
  store_sums<type>(c + static_cast<std::size_t>(blockIdx.z) * gridDim.y * kBlock * columns, columns, sum);
  if (threadIdx.x == 0 && sms != nullptr) {
    sms[(blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x] = sm_id();
  }
}

}  // namespace gpu_smoke
