// The host's half of faults.cuh: when, and where. Included by kernels.cu alone.
#pragma once

#ifdef GPU_SMOKE_FAULTS
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <random>
#endif

namespace gpu_smoke {

#ifdef GPU_SMOKE_FAULTS

namespace {

std::uint64_t random_below(std::uint64_t limit) {
  static thread_local std::random_device device;
  return ((static_cast<std::uint64_t>(device()) << 32U) | device()) % limit;
}

// True once in a process, for the named fault. `of`: so many occasions share the chance evenly.
bool fires(const char* fault, std::uint64_t occasion, std::uint64_t of) {
  const char* asked = std::getenv("GPU_SMOKE_FAULT");
  if (asked == nullptr || std::strcmp(asked, fault) != 0) return false;
  static const std::uint64_t chosen = random_below(1U << 30U);
  static std::atomic<bool> fired = false;
  return occasion == chosen % of && !fired.exchange(true);
}

// The types of every chip since Turing, so that the chosen one is always run.
std::uint64_t occasion_of(DataType type) {
  return type == DataType::fp64 ? 0 : type == DataType::fp32 ? 1 : type == DataType::fp16 ? 2 : 3;
}
bool is_common(DataType type) {
  return type == DataType::int8 || occasion_of(type) < 3;
}

cudaError_t flip_random_bit(void* data, std::size_t bytes) {
  flip_bit<<<1, 1>>>(static_cast<unsigned*>(data) + random_below(bytes / 4), random_below(32));
  return cudaGetLastError();
}

}  // namespace

cudaError_t inject_before_product(DataType type, int blocks) {
  int block = -1;
  if (is_common(type) && fires("block", occasion_of(type), 4)) block = static_cast<int>(random_below(blocks));
  return cudaMemcpyToSymbol(skipped_block, &block, sizeof(block));
}

cudaError_t inject_after_product(DataType type, void* c, std::size_t bytes) {
  return is_common(type) && fires("bit", occasion_of(type), 4) ? flip_random_bit(c, bytes) : cudaSuccess;
}

cudaError_t inject_memory_fault(Pattern pattern, void* data, std::size_t bytes) {
  if (fires("address", static_cast<std::uint64_t>(pattern), kPatterns)) return flip_random_bit(data, bytes);
  // Two addresses of one cell hold one value: only the hashes can tell.
  if (pattern > Pattern::inverted_hash || !fires("alias", static_cast<std::uint64_t>(pattern), 2)) return cudaSuccess;
  auto* words = static_cast<unsigned long long*>(data);
  const std::uint64_t count = bytes / 8;
  const std::uint64_t from = random_below(count);
  alias_word<<<1, 1>>>(words + (from + 1 + random_below(count - 1)) % count, words + from);
  return cudaGetLastError();
}

cudaError_t inject_sustained_fault(void* c, std::size_t bytes) {
  static std::atomic<std::uint64_t> iteration = 0;
  return fires("sustained", iteration++, 50) ? flip_random_bit(c, bytes) : cudaSuccess;
}

#else

cudaError_t inject_before_product(DataType, int) {
  return cudaSuccess;
}
cudaError_t inject_after_product(DataType, void*, std::size_t) {
  return cudaSuccess;
}
cudaError_t inject_memory_fault(Pattern, void*, std::size_t) {
  return cudaSuccess;
}
cudaError_t inject_sustained_fault(void*, std::size_t) {
  return cudaSuccess;
}

#endif

}  // namespace gpu_smoke
