// Runs the CUDA kernels' own text on the CPU: one std::thread per CUDA thread of a block, a barrier for
// __syncthreads, and the tensor cores played from the documented layout of their fragments. Shows that indexing and
// arithmetic are right and in bounds; says nothing about any GPU, nor about the one line of PTX in each mma().
#include <atomic>
#include <barrier>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "check.h"
#include "gemm_problem.h"
#include "memory_pattern.h"
#include "mma.cuh"
#include "tests.h"

namespace {

struct Index {
  unsigned x = 0;
  unsigned y = 0;
  unsigned z = 0;
};
thread_local Index threadIdx;
thread_local Index blockIdx;
Index blockDim;
Index gridDim;
constexpr unsigned kBlockSize = 256;
std::barrier<> block_barrier(kBlockSize);
int skipped = -1;

// The kernels look at words as vectors, as CUDA allows.
struct __attribute__((may_alias)) uint2 {
  unsigned x, y;
};
struct __attribute__((may_alias)) uint4 {
  unsigned x, y, z, w;
};
struct __attribute__((may_alias)) ulonglong2 {
  unsigned long long x, y;
};

void __syncthreads() {
  block_barrier.arrive_and_wait();
}

int __dp4a(int a, int b, int sum) {
  std::int8_t lanes_a[4];
  std::int8_t lanes_b[4];
  std::memcpy(lanes_a, &a, 4);
  std::memcpy(lanes_b, &b, 4);
  for (int i = 0; i < 4; ++i) sum += lanes_a[i] * lanes_b[i];
  return sum;
}

unsigned long long atomicAdd(unsigned long long* to, unsigned long long value) {
  return std::atomic_ref(*to).fetch_add(value);
}
void atomicOr(unsigned long long* to, unsigned long long value) {
  std::atomic_ref(*to).fetch_or(value);
}

bool skips_block() {
  return static_cast<int>((blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x) == skipped;
}
unsigned sm_id() {
  return blockIdx.x + 10 * blockIdx.y + 100 * blockIdx.z;
}

}  // namespace

namespace gpu_smoke {
namespace {

// A warp's 16 x 8 step: each lane brings its registers, and takes its four results. Elements are read from the
// registers where the PTX manual says that they are ("Matrix Fragments for mma.m16n8k…").
struct Warp {
  std::barrier<> barrier{32};
  unsigned a[32][4];
  unsigned b[32][2];
};
Warp warps[kBlockSize / 32];

double decode(const void* bytes, DataType type) {
  if (type == DataType::fp64) return *static_cast<const double*>(bytes);
  if (type == DataType::int8) return *static_cast<const std::int8_t*>(bytes);
  std::uint32_t bits = 0;
  if (type == DataType::tf32) std::memcpy(&bits, bytes, 4);
  if (type == DataType::bf16) std::memcpy(reinterpret_cast<char*>(&bits) + 2, bytes, 2);
  float value = 0;
  std::memcpy(&value, &bits, 4);
  if (type == DataType::tf32 || type == DataType::bf16) return value;
  // fp16 and e4m3, of which the problem has only -1, 0 and 1.
  std::memcpy(&bits, bytes, static_cast<std::size_t>(info(type).bytes));
  const std::uint32_t one = type == DataType::fp16 ? 0x3c00 : 0x38;
  const std::uint32_t sign = type == DataType::fp16 ? 0x8000 : 0x80;
  return bits == one ? 1 : bits == (one | sign) ? -1 : bits == 0 ? 0 : 1e30;
}

// Element k of row `row` of A; 32 bytes along k, of which registers 0 and 1 have the first half.
double a_element(const Warp& warp, DataType type, int row, int k) {
  const int per_half = 16 / info(type).bytes;
  const int lane = row % 8 * 4 + k % per_half * info(type).bytes / 4;
  const unsigned& word = warp.a[lane][row / 8 + 2 * (k / per_half)];
  return decode(reinterpret_cast<const char*>(&word) + k * info(type).bytes % 4, type);
}
double b_element(const Warp& warp, DataType type, int column, int k) {
  const int per_half = 16 / info(type).bytes;
  const int lane = column * 4 + k % per_half * info(type).bytes / 4;
  return decode(reinterpret_cast<const char*>(&warp.b[lane][k / per_half]) + k * info(type).bytes % 4, type);
}
// fp64, m8n8k4 twice: the number at k is in lane k of the row's or column's four.
double a_double(const Warp& warp, int row, int k) {
  const unsigned* words = warp.a[row % 8 * 4 + k];
  const unsigned pair[2] = {words[row / 8], words[row / 8 + 2]};
  return decode(pair, DataType::fp64);
}

template <DataType type>
void mma(Result<type>* c, unsigned a0, unsigned a1, unsigned a2, unsigned a3, unsigned b0, unsigned b1) {
  const unsigned lane = threadIdx.x % 32;
  Warp& warp = warps[threadIdx.x / 32];
  const unsigned a[4] = {a0, a1, a2, a3};
  const unsigned b[2] = {b0, b1};
  std::memcpy(warp.a[lane], a, sizeof(a));
  std::memcpy(warp.b[lane], b, sizeof(b));
  warp.barrier.arrive_and_wait();
  for (int i = 0; i < 4; ++i) {
    const int row = static_cast<int>(lane) / 4 + i / 2 * 8;
    const int column = static_cast<int>(lane) % 4 * 2 + i % 2;
    for (int k = 0; k < 32 / info(type).bytes; ++k) {
      if constexpr (type == DataType::fp64) {
        c[i] += a_double(warp, row, k) * decode(warp.b[column * 4 + k], type);
      } else {
        c[i] += static_cast<Result<type>>(a_element(warp, type, row, k) * b_element(warp, type, column, k));
      }
    }
  }
  warp.barrier.arrive_and_wait();
}

}  // namespace
}  // namespace gpu_smoke

#define __global__ static
#define __device__
#define __shared__ static
#define __launch_bounds__(threads)
#include "exact_gemm.cuh"
#include "memory_kernels.cuh"
#include "plain_gemm.cuh"
#include "tensor_gemm.cuh"

namespace gpu_smoke::test {
namespace {

// Every block of the grid in turn, on the same threads.
void run_grid(Index grid, Index block, const std::function<void()>& kernel) {
  gridDim = grid;
  blockDim = block;
  std::vector<std::thread> threads;
  for (unsigned id = 0; id < kBlockSize; ++id) {
    threads.emplace_back([&, id] {
      threadIdx = {id % block.x, id / block.x, 0};
      for (unsigned i = 0; i < grid.x * grid.y * grid.z; ++i) {
        blockIdx = {i % grid.x, i / grid.x % grid.y, i / grid.x / grid.y};
        kernel();
        __syncthreads();  // blocks share this machine's "shared" memory: the next one starts when this is through
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

void the_integer_kernel_is_exact() {
  const GemmProblem problem = make_gemm_problem(2 * kTile, 3 * kTile, 128, 11);
  std::vector<std::uint8_t> c(problem.expected.size() * 4, kPoison & 0xff);
  run_grid({3, 2, 1}, {kThreads, kThreads, 1}, [&] {
    exact_gemm(reinterpret_cast<const int*>(problem.a.data()), reinterpret_cast<const int*>(problem.b.data()),
               reinterpret_cast<int*>(c.data()), problem.n, problem.k / 4);
  });
  CHECK(compare(problem, DataType::int8, 1, c).mismatches == 0);
}

using Bytes = std::vector<std::uint8_t>;

template <class Number, class Kernel>
Bytes multiply(const GemmProblem& problem, DataType type, unsigned copies, std::vector<unsigned>& sms,
               const Kernel& kernel) {
  const Bytes a = encode(problem.a, type);
  const Bytes b = encode(problem.b, type);
  Bytes c(problem.expected.size() * copies * sizeof(Number), kPoison & 0xff);
  const Index grid{static_cast<unsigned>(problem.n) / 128, static_cast<unsigned>(problem.m) / 128, copies};
  sms.assign(grid.x * grid.y * grid.z, 999);
  run_grid(grid, {kBlockSize, 1, 1}, [&] {
    kernel(reinterpret_cast<const uint4*>(a.data()), reinterpret_cast<const uint4*>(b.data()),
           reinterpret_cast<Number*>(c.data()), problem.k * info(type).bytes / 16, sms.data());
  });
  return c;
}

template <DataType type>
void a_tensor_kernel_is_exact() {
  const int depth = type == DataType::fp64 || type == DataType::tf32 ? 64 : 192;
  const GemmProblem problem = make_gemm_problem(128, 256, depth, 12);
  std::vector<unsigned> sms;
  const Bytes c = multiply<Result<type>>(problem, type, 2, sms, tensor_gemm<type>);
  CHECK_IN(info(type).name, compare(problem, type, 2, c).mismatches == 0);
  CHECK_IN(info(type).name, sms == (std::vector<unsigned>{0, 1, 100, 101}));
}

template <class Number>
void a_plain_kernel_is_exact(DataType type) {
  const GemmProblem problem = make_gemm_problem(256, 128, 64, 13);
  std::vector<unsigned> sms;
  const Bytes c = multiply<Number>(problem, type, 2, sms, plain_gemm<Number>);
  CHECK_IN(info(type).name, compare(problem, type, 2, c).mismatches == 0);
  CHECK_IN(info(type).name, sms == (std::vector<unsigned>{0, 10, 100, 110}));
}

void a_block_that_is_left_out_is_seen() {
  const GemmProblem problem = make_gemm_problem(128, 128, 64, 14);
  std::vector<unsigned> sms;
  skipped = 1;
  const Bytes c = multiply<float>(problem, DataType::fp32, 2, sms, plain_gemm<float>);
  skipped = -1;
  CHECK(compare(problem, DataType::fp32, 2, c).mismatches == 128 * 128);
}

// Two chunks, as where the free memory is in pieces.
struct TestedMemory {
  std::vector<std::uint64_t> words = std::vector<std::uint64_t>(2 * 1024);
  static constexpr std::uint64_t kChunkPairs = 512;

  void fill(Pattern pattern) {
    for (std::uint64_t chunk = 0; chunk < 2; ++chunk) {
      auto* data = reinterpret_cast<ulonglong2*>(&words[chunk * 2 * kChunkPairs]);
      run_grid({1, 1, 1}, {kBlockSize, 1, 1},
               [&] { fill_pattern(data, kChunkPairs, chunk * 2 * kChunkPairs, pattern); });
    }
  }
  MemoryErrors check(Pattern pattern) {
    MemoryErrors errors{};
    for (std::uint64_t chunk = 0; chunk < 2; ++chunk) {
      const auto* data = reinterpret_cast<const ulonglong2*>(&words[chunk * 2 * kChunkPairs]);
      run_grid({2, 1, 1}, {kBlockSize, 1, 1},
               [&] { check_pattern(data, kChunkPairs, chunk * 2 * kChunkPairs, pattern, &errors); });
    }
    return errors;
  }
};

void memory_faults_are_seen() {
  TestedMemory memory;
  for (int i = 0; i < kPatterns; ++i) {
    const auto pattern = static_cast<Pattern>(i);
    memory.fill(pattern);
    CHECK(memory.check(pattern).wrong_words == 0);
    memory.words[1500] ^= 1ULL << 37;  // one bit, in the second chunk
    const MemoryErrors flipped = memory.check(pattern);
    CHECK(flipped.wrong_words == 1 && flipped.first_offset == 8 * 1500 && flipped.flipped_bits == 1ULL << 37);
    CHECK((flipped.expected ^ flipped.actual) == 1ULL << 37);
    memory.fill(pattern);
    memory.words[7] = memory.words[1203];  // two addresses of one cell: only the hashes can tell
    CHECK(memory.check(pattern).wrong_words == (pattern == Pattern::hash || pattern == Pattern::inverted_hash ? 1 : 0));
  }
  // Between them the patterns try every bit as 0 and as 1, alone among its neighbours.
  for (std::uint64_t word : {0ULL, 1ULL, 123456789ULL}) {
    CHECK((pattern_at(Pattern::hash, word) ^ pattern_at(Pattern::inverted_hash, word)) == ~0ULL);
    CHECK((pattern_at(Pattern::fives, word) ^ pattern_at(Pattern::aes, word)) == ~0ULL);
  }
}

void a_product_is_checked_by_element_and_digest() {
  const GemmProblem problem = make_gemm_problem(16, 16, 64, 15);
  std::vector<float> c(64 * 32);
  for (std::size_t i = 0; i < c.size(); ++i) {
    c[i] = static_cast<float>(problem.expected[i / 32 % 16 * 16 + i % 32 % 16]);
  }
  const auto check = [&] {
    OutputErrors errors{};
    run_grid({3, 1, 1}, {kBlockSize, 1, 1},
             [&] { check_output(c.data(), problem.expected.data(), 64U, 32U, 16U, &errors); });
    return errors;
  };
  const std::uint64_t right = expected_digest(problem, 64, 32);
  CHECK(check().mismatches == 0 && check().digest == right);
  for (const float wrong : {c[1000] + 1, std::nanf(""), -0.0F}) {
    const float kept = std::exchange(c[1000], wrong);
    CHECK(check().mismatches == 1 && check().digest != right);
    c[1000] = kept;
  }
}

void random_operands_are_normal_enough() {
  std::vector<std::uint16_t> numbers(4096);
  run_grid({4, 1, 1}, {kBlockSize, 1, 1}, [&] { fill_normal<DataType::bf16>(numbers.data(), 4096ULL, 5ULL); });
  double sum = 0;
  double squares = 0;
  for (const auto number : numbers) {
    const double value = decode(&number, DataType::bf16);
    sum += value / 4096;
    squares += value * value / 4096;
  }
  CHECK(sum > -0.06 && sum < 0.06 && squares > 0.93 && squares < 1.07);
}

void copies_are_whole() {
  for (const unsigned long long vectors : {100ULL, 1000ULL, 2048ULL, 5000ULL}) {
    std::vector<uint4> from(vectors);
    for (std::size_t i = 0; i < from.size(); ++i) from[i].x = static_cast<unsigned>(i + 1);
    std::vector<uint4> to(vectors + 1);
    run_grid({2, 1, 1}, {kBlockSize, 1, 1}, [&] { copy_vectors(from.data(), to.data(), vectors); });
    CHECK(std::memcmp(from.data(), to.data(), sizeof(uint4) * vectors) == 0 && to[vectors].x == 0);
  }
}

}  // namespace

void test_kernels() {
  the_integer_kernel_is_exact();
  a_tensor_kernel_is_exact<DataType::fp64>();
  a_tensor_kernel_is_exact<DataType::tf32>();
  a_tensor_kernel_is_exact<DataType::fp16>();
  a_tensor_kernel_is_exact<DataType::bf16>();
  a_tensor_kernel_is_exact<DataType::fp8>();
  a_tensor_kernel_is_exact<DataType::int8>();
  a_plain_kernel_is_exact<float>(DataType::fp32);
  a_plain_kernel_is_exact<double>(DataType::fp64);
  a_block_that_is_left_out_is_seen();
  memory_faults_are_seen();
  a_product_is_checked_by_element_and_digest();
  random_operands_are_normal_enough();
  copies_are_whole();
}

}  // namespace gpu_smoke::test
