// Memory: as much as can be had, written with each pattern as a whole before any of it is read again, so that an
// address that leads to another one's cell is seen.
#include <algorithm>
#include <chrono>
#include <vector>

#include "cuda_runs.h"
#include "cuda_support.h"
#include "kernels.h"
#include "memory_pattern.h"

namespace gpu_smoke {
namespace {

constexpr std::size_t kMegabyte = 1U << 20U;
constexpr std::size_t kSmallestChunk = 32 * kMegabyte;
constexpr double kShare = 0.95;  // of the free memory: the rest is for the driver and our neighbours

struct Chunk {
  DeviceBuffer buffer;
  std::size_t bytes = 0;
  std::uint64_t first_word = 0;
};

// One chunk where the memory is in one piece, more where it is not.
std::vector<Chunk> allocate_all(std::size_t wanted, std::uint64_t& got) {
  std::vector<Chunk> chunks;
  got = 0;
  for (std::size_t size = wanted; size >= kSmallestChunk && got + kSmallestChunk <= wanted;) {
    Chunk chunk;
    chunk.bytes = std::min<std::size_t>(size, wanted - got) / kMegabyte * kMegabyte;
    if (chunk.buffer.allocate(chunk.bytes) != cudaSuccess) {
      cudaGetLastError();  // out of memory is no lasting error
      size /= 2;
      continue;
    }
    chunk.first_word = got / 8;
    got += chunk.bytes;
    chunks.push_back(std::move(chunk));
  }
  return chunks;
}

bool run_pattern(Steps& steps, const std::vector<Chunk>& chunks, Pattern pattern, MemoryErrors* errors) {
  for (const auto& chunk : chunks) {
    if (!steps.ok("write a pattern", launch_fill(chunk.buffer.as(), chunk.bytes / 16, chunk.first_word, pattern))) {
      return false;
    }
  }
  const Chunk& first = chunks.front();
  if (!steps.ok("inject a fault", inject_memory_fault(pattern, first.buffer.as(), first.bytes))) return false;
  for (const auto& chunk : chunks) {
    if (!steps.ok("verify a pattern",
                  launch_check(chunk.buffer.as(), chunk.bytes / 16, chunk.first_word, pattern, errors))) {
      return false;
    }
  }
  return steps.ok("wait for a pattern", cudaDeviceSynchronize());
}

}  // namespace

FirstKernel run_first_kernel() {
  FirstKernel run;
  Steps steps(run);
  DeviceBuffer data;
  DeviceBuffer errors;
  MemoryErrors found{};
  constexpr std::size_t kBytes = 4096;
  if (!steps.ok("create a context", cudaFree(nullptr))) return run;
  if (!steps.ok("allocate", data.allocate(kBytes)) || !steps.ok("allocate", errors.allocate(sizeof(found)))) return run;
  if (!steps.ok("clear", cudaMemset(errors.as(), 0, sizeof(found)))) return run;
  if (!steps.ok("first kernel", launch_fill(data.as(), kBytes / 16, 0, Pattern::hash))) return run;
  if (!steps.ok("second kernel", launch_check(data.as(), kBytes / 16, 0, Pattern::hash, errors.as<MemoryErrors>()))) {
    return run;
  }
  if (!steps.ok("copy back", cudaMemcpy(&found, errors.as(), sizeof(found), cudaMemcpyDeviceToHost))) return run;
  run.wrong_words = found.wrong_words;
  return run;
}

MemoryRun run_memory_test() {
  MemoryRun run;
  Steps steps(run);
  const auto start = std::chrono::steady_clock::now();
  std::size_t free = 0;
  std::size_t total = 0;
  DeviceBuffer errors;
  MemoryErrors found{};
  if (!steps.ok("ask for free memory", cudaMemGetInfo(&free, &total))) return run;
  run.free_bytes = free;
  if (!steps.ok("allocate", errors.allocate(sizeof(found)))) return run;
  if (!steps.ok("clear", cudaMemset(errors.as(), 0, sizeof(found)))) return run;
  const auto chunks = allocate_all(static_cast<std::size_t>(static_cast<double>(free) * kShare), run.tested_bytes);
  if (chunks.empty()) {
    steps.ok("allocate", cudaErrorMemoryAllocation);
    return run;
  }
  for (int pattern = 0; pattern < kPatterns; ++pattern) {
    if (!run_pattern(steps, chunks, static_cast<Pattern>(pattern), errors.as<MemoryErrors>())) return run;
    ++run.passes;
  }
  if (!steps.ok("copy back", cudaMemcpy(&found, errors.as(), sizeof(found), cudaMemcpyDeviceToHost))) return run;
  run.wrong_words = found.wrong_words;
  run.first_offset = found.first_offset;
  run.expected = found.expected;
  run.actual = found.actual;
  run.flipped_bits = found.flipped_bits;
  run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return run;
}

}  // namespace gpu_smoke
