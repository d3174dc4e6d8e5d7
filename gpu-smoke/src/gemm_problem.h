// One exact matrix product of small integers: with elements of at most `limit` and K <= 4096 every partial sum,
// in any order, is below 2^24 and so exact in int32, fp32 and fp64. With limit 1 the elements are exact in every
// type down to fp8, and one reference serves all. It is computed on the CPU and verified there by a second,
// independent way before any GPU is judged by it.
#pragma once

#include <cstdint>
#include <vector>

#include "data_type.h"

namespace gpu_smoke {

inline constexpr int kMaxGemmK = 4096;
inline constexpr int kMaxGemmLimit = 63;  // 63 * 63 * 4096 < 2^24
// A value that no correct result can have: the output is filled with it, so that a part which the kernel
// never wrote is a mismatch and not yesterday's correct answer.
inline constexpr std::int32_t kPoison = 0x7f7f7f7f;

struct GemmProblem {
  int m = 0;
  int n = 0;
  int k = 0;
  std::uint64_t seed = 0;
  std::vector<std::int8_t> a;          // m rows of k
  std::vector<std::int8_t> b;          // n rows of k: B transposed, so that both run along k
  std::vector<std::int32_t> expected;  // m rows of n
};

struct Comparison {
  std::uint64_t mismatches = 0;
  int first_row = 0;
  int first_column = 0;
  double expected = 0;
  double actual = 0;
};

// Deterministic for a seed on every machine. k: a multiple of 64, at most kMaxGemmK.
[[nodiscard]] GemmProblem make_gemm_problem(int m, int n, int k, std::uint64_t seed, int limit = 1);

// Freivalds' test, modulo 2^64: expected * x == A * (B * x) for random x of 31 bits. A wrong `expected` passes
// one round with a chance of at most 2^-31; two rounds are run.
[[nodiscard]] bool verify_reference(const GemmProblem& problem, std::uint64_t seed);

// The operands as a GPU wants them. Exact for integers up to 63, and in fp8 (e4m3) up to 16.
[[nodiscard]] std::vector<std::uint8_t> encode(const std::vector<std::int8_t>& values, DataType type);

// int32 for int8, fp64 for fp64, fp32 for all others.
[[nodiscard]] int result_bytes(DataType type);

// Bit for bit, of `copies` results one after the other, in the type's result format. `actual` of another size
// counts every element as a mismatch.
[[nodiscard]] Comparison compare(const GemmProblem& problem, DataType type, int copies,
                                 const std::vector<std::uint8_t>& actual);

// What check_output (output_kernels.cuh) must find for the expected result, repeated to rows x columns.
[[nodiscard]] std::uint64_t expected_digest(const GemmProblem& problem, int rows, int columns);

}  // namespace gpu_smoke
