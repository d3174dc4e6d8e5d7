// Patterns over device memory, a copy that measures bandwidth, and the check of a product on the device.
// Every kernel strides over its data, so that any grid covers it; tests/kernel_test.cpp runs them on a CPU.
#pragma once

#include "memory_pattern.h"

namespace gpu_smoke {

__device__ inline unsigned long long first_index() {
  return static_cast<unsigned long long>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ inline unsigned long long stride() {
  return static_cast<unsigned long long>(gridDim.x) * blockDim.x;
}

// `first_word`: of this chunk in the whole tested memory.
__global__ void fill_pattern(ulonglong2* data, unsigned long long pairs, unsigned long long first_word,
                             Pattern pattern) {
  for (unsigned long long i = first_index(); i < pairs; i += stride()) {
    data[i].x = pattern_at(pattern, first_word + 2 * i);
    data[i].y = pattern_at(pattern, first_word + 2 * i + 1);
  }
}

__device__ inline void note_error(MemoryErrors* errors, unsigned long long word, unsigned long long expected,
                                  unsigned long long actual) {
  atomicOr(&errors->flipped_bits, expected ^ actual);
  if (atomicAdd(&errors->wrong_words, 1ULL) != 0) return;
  errors->first_offset = 8 * word;
  errors->expected = expected;
  errors->actual = actual;
}

__global__ void check_pattern(const ulonglong2* data, unsigned long long pairs, unsigned long long first_word,
                              Pattern pattern, MemoryErrors* errors) {
  for (unsigned long long i = first_index(); i < pairs; i += stride()) {
    const ulonglong2 actual = data[i];
    const unsigned long long x = pattern_at(pattern, first_word + 2 * i);
    const unsigned long long y = pattern_at(pattern, first_word + 2 * i + 1);
    if (actual.x != x) note_error(errors, first_word + 2 * i, x, actual.x);
    if (actual.y != y) note_error(errors, first_word + 2 * i + 1, y, actual.y);
  }
}

// Four loads under way per thread: one alone does not fill the memory's pipeline.
__global__ void copy_vectors(const uint4* from, uint4* to, unsigned long long vectors) {
  const unsigned long long step = stride();
  unsigned long long i = first_index();
  for (; i + 3 * step < vectors; i += 4 * step) {
    const uint4 first = from[i];
    const uint4 second = from[i + step];
    const uint4 third = from[i + 2 * step];
    const uint4 fourth = from[i + 3 * step];
    to[i] = first;
    to[i + step] = second;
    to[i + 2 * step] = third;
    to[i + 3 * step] = fourth;
  }
  for (; i < vectors; i += step) to[i] = from[i];
}

constexpr int kCheckThreads = 256;

// `c`, rows x columns, against `expected`, size x size and repeated in both directions; size a power of two. Bit for
// bit, so that a NaN and a negative zero are mismatches; the digest is of what is there, for the CPU to compare.
template <class Number>
__global__ void check_output(const Number* c, const int* expected, unsigned rows, unsigned columns, unsigned size,
                             OutputErrors* errors) {
  __shared__ OutputErrors parts[kCheckThreads];
  OutputErrors mine = {0, 0};
  for (unsigned row = blockIdx.x; row < rows; row += gridDim.x) {
    const unsigned long long first = static_cast<unsigned long long>(row) * columns;
    const int* wanted = expected + (row & (size - 1)) * size;
    for (unsigned column = threadIdx.x; column < columns; column += kCheckThreads) {
      const int right = wanted[column & (size - 1)];
      const bool same = same_bits(c[first + column], static_cast<Number>(right));
      mine.mismatches += same ? 0 : 1;
      // A wrong value need not fit an int: what stands for it only has to differ.
      mine.digest += digest_of(first + column, same ? right : ~right);
    }
  }
  parts[threadIdx.x] = mine;
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (int i = 1; i < kCheckThreads; ++i) {
    mine.mismatches += parts[i].mismatches;
    mine.digest += parts[i].digest;
  }
  if (mine.mismatches > 0) atomicAdd(&errors->mismatches, mine.mismatches);
  atomicAdd(&errors->digest, mine.digest);
}

// Normally distributed numbers, near enough (the sum of four uniform ones): zeros and ones would draw less power.
template <DataType type, class Bits>
__global__ void fill_normal(Bits* data, unsigned long long count, unsigned long long seed) {
  for (unsigned long long i = first_index(); i < count; i += stride()) {
    const unsigned long long hash = mix(seed + i);
    float sum = 0;
    for (int part = 0; part < 4; ++part) sum += static_cast<float>(hash >> (16 * part) & 0xffffU) / 65536.0F - 0.5F;
    const float scale = type == DataType::int8 ? 55.0F : 1.7320508F;
    data[i] = static_cast<Bits>(encode_number(sum * scale, type));
  }
}

}  // namespace gpu_smoke
