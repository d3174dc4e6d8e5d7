#include "gemm_problem.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstring>
#include <numeric>
#include <thread>

#include "numbers.h"

namespace gpu_smoke {
namespace {

class Random {  // the same on every machine, unlike the distributions of <random>
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() { return mix(state_++); }

 private:
  std::uint64_t state_;
};

std::vector<std::int8_t> random_integers(std::size_t count, int limit, Random& random) {
  const auto range = static_cast<std::uint64_t>(2 * limit + 1);
  std::vector<std::int8_t> values(count);
  for (auto& value : values) value = static_cast<std::int8_t>(static_cast<int>(random.next() % range) - limit);
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

// Without the trick: for elements beyond -1, 0, 1.
std::int32_t plain_dot(const std::int8_t* a, const std::int8_t* b, std::size_t depth) {
  std::int32_t sum = 0;
  for (std::size_t d = 0; d < depth; ++d) sum += static_cast<std::int16_t>(a[d]) * static_cast<std::int16_t>(b[d]);
  return sum;
}

// row(r) for every r, on a few threads.
template <class Row>
void for_rows(std::size_t rows, const Row& row) {
  const std::size_t workers = std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, 8);
  std::vector<std::thread> threads;
  for (std::size_t worker = 0; worker < workers; ++worker) {
    threads.emplace_back([&, worker] {
      for (std::size_t r = worker; r < rows; r += workers) row(r);
    });
  }
  for (auto& thread : threads) thread.join();
}

// A matrix times a vector, modulo 2^64.
template <class Element>
std::vector<std::uint64_t> multiply(const std::vector<Element>& matrix, std::size_t rows,
                                    const std::vector<std::uint64_t>& x) {
  std::vector<std::uint64_t> result(rows, 0);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < x.size(); ++c) {
      result[r] += static_cast<std::uint64_t>(std::int64_t{matrix[r * x.size() + c]}) * x[c];
    }
  }
  return result;
}

template <class Element>
Comparison compare_as(const GemmProblem& problem, std::size_t copies, const std::vector<std::uint8_t>& actual) {
  Comparison result;
  const std::size_t elements = problem.expected.size();
  if (actual.size() != elements * copies * sizeof(Element)) {
    result.mismatches = elements * copies;
    return result;
  }
  for (std::size_t i = 0; i < elements * copies; ++i) {
    const auto right = static_cast<Element>(problem.expected[i % elements]);
    if (std::memcmp(&right, &actual[i * sizeof(Element)], sizeof(Element)) == 0) continue;
    if (result.mismatches++ > 0) continue;
    Element wrong{};
    std::memcpy(&wrong, &actual[i * sizeof(Element)], sizeof(Element));
    result.first_row = static_cast<int>(i % elements / static_cast<std::size_t>(problem.n));
    result.first_column = static_cast<int>(i % static_cast<std::size_t>(problem.n));
    result.expected = right;
    result.actual = wrong;
  }
  return result;
}

}  // namespace

GemmProblem make_gemm_problem(int m, int n, int k, std::uint64_t seed, int limit) {
  assert(m > 0 && n > 0 && k > 0 && k % 64 == 0 && k <= kMaxGemmK && limit > 0 && limit <= kMaxGemmLimit);
  const auto rows = static_cast<std::size_t>(m);
  const auto columns = static_cast<std::size_t>(n);
  const auto depth = static_cast<std::size_t>(k);
  Random random(seed);
  GemmProblem problem{m, n, k, seed, random_integers(rows * depth, limit, random), {}, {}};
  problem.b = random_integers(columns * depth, limit, random);
  problem.expected.resize(rows * columns);
  const std::size_t words = depth / 64;
  const Packed a = limit == 1 ? pack(problem.a) : Packed{};
  const Packed b = limit == 1 ? pack(problem.b) : Packed{};
  for_rows(rows, [&](std::size_t r) {
    for (std::size_t c = 0; c < columns; ++c) {
      problem.expected[r * columns + c] = limit == 1 ? dot(a, r * words, b, c * words, words)
                                                     : plain_dot(&problem.a[r * depth], &problem.b[c * depth], depth);
    }
  });
  return problem;
}

bool verify_reference(const GemmProblem& problem, std::uint64_t seed) {
  const auto rows = static_cast<std::size_t>(problem.m);
  const auto columns = static_cast<std::size_t>(problem.n);
  const auto depth = static_cast<std::size_t>(problem.k);
  if (problem.expected.size() != rows * columns) return false;
  Random random(seed);
  for (int round = 0; round < 2; ++round) {
    std::vector<std::uint64_t> x(columns);
    for (auto& value : x) value = random.next() >> 33;
    std::vector<std::uint64_t> bx(depth, 0);  // B * x, with B held transposed
    for (std::size_t c = 0; c < columns; ++c) {
      for (std::size_t d = 0; d < depth; ++d) {
        bx[d] += static_cast<std::uint64_t>(std::int64_t{problem.b[c * depth + d]}) * x[c];
      }
    }
    if (multiply(problem.expected, rows, x) != multiply(problem.a, rows, bx)) return false;
  }
  return true;
}

std::vector<std::uint8_t> encode(const std::vector<std::int8_t>& values, DataType type) {
  const auto size = static_cast<std::size_t>(info(type).bytes);
  std::vector<std::uint8_t> bytes(values.size() * size);
  std::uint64_t code[256];  // by value + 128: few values, many elements
  for (int value = -128; value < 128; ++value) code[value + 128] = encode_number(static_cast<float>(value), type);
  for (std::size_t i = 0; i < values.size(); ++i) std::memcpy(&bytes[i * size], &code[values[i] + 128], size);
  return bytes;
}

int result_bytes(DataType type) {
  return type == DataType::fp64 ? 8 : 4;
}

Comparison compare(const GemmProblem& problem, DataType type, int copies, const std::vector<std::uint8_t>& actual) {
  const auto n = static_cast<std::size_t>(copies);
  if (type == DataType::int8) return compare_as<std::int32_t>(problem, n, actual);
  if (type == DataType::fp64) return compare_as<double>(problem, n, actual);
  return compare_as<float>(problem, n, actual);
}

std::uint64_t expected_digest(const GemmProblem& problem, int rows, int columns) {
  std::vector<std::uint64_t> sums(static_cast<std::size_t>(rows));
  for_rows(sums.size(), [&](std::size_t r) {
    const std::size_t from = r % static_cast<std::size_t>(problem.m) * static_cast<std::size_t>(problem.n);
    for (std::size_t c = 0; c < static_cast<std::size_t>(columns); ++c) {
      const auto value = problem.expected[from + c % static_cast<std::size_t>(problem.n)];
      sums[r] += digest_of(r * static_cast<std::size_t>(columns) + c, value);
    }
  });
  return std::accumulate(sums.begin(), sums.end(), std::uint64_t{0});
}

}  // namespace gpu_smoke
