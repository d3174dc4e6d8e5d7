// One exact matrix product: elements -1, 0, 1 and K <= 4096, so that every int32 result is exact in any
// order of summation and |result| <= K. The expected result is computed on the CPU and verified there by
// a second, independent way before any GPU is judged by it.
#pragma once

#include <cstdint>
#include <vector>

namespace gpu_smoke {

inline constexpr int kMaxGemmK = 4096;
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
  std::int32_t expected = 0;
  std::int32_t actual = 0;
};

// Deterministic for a seed on every machine. k: a multiple of 64, at most kMaxGemmK.
[[nodiscard]] GemmProblem make_gemm_problem(int m, int n, int k, std::uint64_t seed);

// Freivalds' test over the integers: expected * x == A * (B * x) for random x of 31 bits. A wrong
// `expected` passes one round with a chance of at most 2^-31; two rounds are run.
[[nodiscard]] bool verify_reference(const GemmProblem& problem, std::uint64_t seed);

// Bit for bit. `actual` of another size counts every element as a mismatch.
[[nodiscard]] Comparison compare(const GemmProblem& problem, const std::vector<std::int32_t>& actual);

}  // namespace gpu_smoke
