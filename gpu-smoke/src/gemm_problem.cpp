#include "gemm_problem.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstddef>
#include <thread>

namespace gpu_smoke {
namespace {

// splitmix64: small, and the same on every machine, unlike the distributions of <random>.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

 private:
  std::uint64_t state_;
};

std::vector<std::int8_t> random_ternary(std::size_t count, Random& random) {
  std::vector<std::int8_t> values(count);
  for (auto& value : values) value = static_cast<std::int8_t>(static_cast<int>(random.next() % 3) - 1);
  return values;
}

// Two bits per element, 64 elements per word: which are not zero, and which are negative.
struct Packed {
  std::vector<std::uint64_t> nonzero;
  std::vector<std::uint64_t> negative;
};

Packed pack(const std::vector<std::int8_t>& values) {
  Packed packed{std::vector<std::uint64_t>(values.size() / 64), std::vector<std::uint64_t>(values.size() / 64)};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint64_t bit = 1ULL << (i % 64);
    if (values[i] != 0) packed.nonzero[i / 64] |= bit;
    if (values[i] < 0) packed.negative[i / 64] |= bit;
  }
  return packed;
}

std::int32_t dot(const Packed& a, std::size_t a_word, const Packed& b, std::size_t b_word, std::size_t words) {
  int sum = 0;
  for (std::size_t w = 0; w < words; ++w) {
    const std::uint64_t counted = a.nonzero[a_word + w] & b.nonzero[b_word + w];
    const std::uint64_t minus = counted & (a.negative[a_word + w] ^ b.negative[b_word + w]);
    sum += std::popcount(counted) - 2 * std::popcount(minus);
  }
  return sum;
}

// A matrix times a vector. No overflow: at most 4096 * 2^31 * columns, so any n below 2^20 is safe.
template <class Element>
std::vector<std::int64_t> multiply(const std::vector<Element>& matrix, std::size_t rows,
                                   const std::vector<std::int64_t>& x) {
  std::vector<std::int64_t> result(rows, 0);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < x.size(); ++c) result[r] += matrix[r * x.size() + c] * x[c];
  }
  return result;
}

}  // namespace

GemmProblem make_gemm_problem(int m, int n, int k, std::uint64_t seed) {
  assert(m > 0 && n > 0 && k > 0 && k % 64 == 0 && k <= kMaxGemmK);
  const auto rows = static_cast<std::size_t>(m);
  const auto columns = static_cast<std::size_t>(n);
  const auto depth = static_cast<std::size_t>(k);
  Random random(seed);
  GemmProblem problem{m, n, k, seed, random_ternary(rows * depth, random), random_ternary(columns * depth, random), {}};
  const Packed a = pack(problem.a);
  const Packed b = pack(problem.b);
  const std::size_t words = depth / 64;
  problem.expected.resize(rows * columns);
  const std::size_t workers = std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, 8);
  std::vector<std::thread> threads;
  for (std::size_t worker = 0; worker < workers; ++worker) {
    threads.emplace_back([&, worker] {
      for (std::size_t r = worker; r < rows; r += workers) {
        for (std::size_t c = 0; c < columns; ++c) {
          problem.expected[r * columns + c] = dot(a, r * words, b, c * words, words);
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  return problem;
}

bool verify_reference(const GemmProblem& problem, std::uint64_t seed) {
  const auto rows = static_cast<std::size_t>(problem.m);
  const auto columns = static_cast<std::size_t>(problem.n);
  const auto depth = static_cast<std::size_t>(problem.k);
  if (problem.expected.size() != rows * columns) return false;
  Random random(seed);
  for (int round = 0; round < 2; ++round) {
    std::vector<std::int64_t> x(columns);
    for (auto& value : x) value = static_cast<std::int64_t>(random.next() >> 33);
    std::vector<std::int64_t> bx(depth, 0);  // B * x, with B held transposed
    for (std::size_t c = 0; c < columns; ++c) {
      for (std::size_t d = 0; d < depth; ++d) bx[d] += problem.b[c * depth + d] * x[c];
    }
    if (multiply(problem.expected, rows, x) != multiply(problem.a, rows, bx)) return false;
  }
  return true;
}

Comparison compare(const GemmProblem& problem, const std::vector<std::int32_t>& actual) {
  Comparison result;
  if (actual.size() != problem.expected.size()) {
    result.mismatches = problem.expected.size();
    return result;
  }
  for (std::size_t i = 0; i < actual.size(); ++i) {
    if (actual[i] == problem.expected[i]) continue;
    if (result.mismatches++ == 0) {
      result.first_row = static_cast<int>(i / static_cast<std::size_t>(problem.n));
      result.first_column = static_cast<int>(i % static_cast<std::size_t>(problem.n));
      result.expected = problem.expected[i];
      result.actual = actual[i];
    }
  }
  return result;
}

}  // namespace gpu_smoke
