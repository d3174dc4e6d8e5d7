// Runs the CUDA kernel's own text on the CPU: one std::thread per CUDA thread, a barrier for __syncthreads.
// Shows that its indexing is right and in bounds; says nothing about any GPU.
#include <barrier>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "check.h"
#include "gemm_problem.h"
#include "tests.h"

namespace {

struct Index {
  unsigned x = 0;
  unsigned y = 0;
};
thread_local Index threadIdx;
thread_local Index blockIdx;
std::barrier<> block_barrier(256);

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

}  // namespace

#define __global__ static
#define __shared__ static
#include "exact_gemm.cuh"

namespace gpu_smoke::test {
namespace {

std::vector<int> words_of(const std::vector<std::int8_t>& bytes) {
  std::vector<int> words(bytes.size() / 4);
  std::memcpy(words.data(), bytes.data(), bytes.size());
  return words;
}

}  // namespace

void test_kernel() {
  const GemmProblem problem = make_gemm_problem(2 * kTile, 3 * kTile, 128, 11);
  const std::vector<int> a = words_of(problem.a);
  const std::vector<int> b = words_of(problem.b);
  std::vector<std::int32_t> c(problem.expected.size(), kPoison);
  std::vector<std::thread> threads;
  for (unsigned id = 0; id < kThreads * kThreads; ++id) {
    threads.emplace_back([&, id] {
      threadIdx = {id % kThreads, id / kThreads};
      for (unsigned block = 0; block < 6; ++block) {
        blockIdx = {block % 3, block / 3};
        exact_gemm(a.data(), b.data(), c.data(), problem.n, problem.k / 4);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(compare(problem, c).mismatches == 0);
}

}  // namespace gpu_smoke::test
