// The host's half of faults.cuh: when, and where. Included by kernels.cu alone.
#pragma once

#ifdef GPU_SMOKE_FAULTS
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <random>
#include <string>
#endif

namespace gpu_smoke {

#ifdef GPU_SMOKE_FAULTS

namespace {

std::uint64_t random_below(std::uint64_t limit) {
  static thread_local std::random_device device;
  return ((static_cast<std::uint64_t>(device()) << 32U) | device()) % limit;
}

// One fault, armed from the environment at first and by arm_fault() afterwards; it fires once.
class Fault {
 public:
  Fault() {
    const char* named = std::getenv("GPU_SMOKE_FAULT");
    arm(named != nullptr ? named : "");
  }
  void arm(const std::string& name) {
    const std::lock_guard lock(mutex_);
    name_ = name;
    chosen_ = random_below(1U << 30U);
    fired_ = false;
  }
  bool has_fired() {
    const std::lock_guard lock(mutex_);
    return fired_;
  }
  // `of` occasions share the chance evenly.
  bool fires(const char* name, std::uint64_t occasion, std::uint64_t of) {
    const std::lock_guard lock(mutex_);
    if (fired_ || name_ != name || occasion != chosen_ % of) return false;
    return fired_ = true;
  }

 private:
  std::mutex mutex_;
  std::string name_;
  std::uint64_t chosen_ = 0;
  bool fired_ = false;
};

Fault& fault() {
  static Fault the_fault;
  return the_fault;
}

// The four types that every chip since Turing has, so that the chosen one is always run.
constexpr DataType kCommon[] = {DataType::fp64, DataType::fp32, DataType::fp16, DataType::int8};

bool fires_in_product(const char* name, DataType type) {
  for (std::uint64_t i = 0; i < 4; ++i) {
    if (kCommon[i] == type) return fault().fires(name, i, 4);
  }
  return false;
}

cudaError_t flip_random_bit(void* data, std::size_t bytes) {
  flip_bit<<<1, 1>>>(static_cast<unsigned*>(data) + random_below(bytes / 4), static_cast<unsigned>(random_below(32)));
  return cudaGetLastError();
}

}  // namespace

void arm_fault(const char* name) {
  fault().arm(name);
}
bool fault_has_fired() {
  return fault().has_fired();
}

cudaError_t inject_before_product(DataType type, int blocks) {
  int block = -1;
  if (fires_in_product("block", type)) block = static_cast<int>(random_below(static_cast<std::uint64_t>(blocks)));
  return cudaMemcpyToSymbol(skipped_block, &block, sizeof(block));
}

cudaError_t inject_after_product(DataType type, void* c, std::size_t bytes) {
  return fires_in_product("bit", type) ? flip_random_bit(c, bytes) : cudaSuccess;
}

cudaError_t inject_memory_fault(Pattern pattern, void* data, std::size_t bytes) {
  const auto which = static_cast<std::uint64_t>(pattern);
  if (fault().fires("address", which, kPatterns)) return flip_random_bit(data, bytes);
  // Two addresses of one cell hold one value: only the two hashes can tell.
  if (which > 1 || !fault().fires("alias", which, 2)) return cudaSuccess;
  auto* words = static_cast<unsigned long long*>(data);
  const std::uint64_t count = bytes / 8;
  const std::uint64_t from = random_below(count);
  alias_word<<<1, 1>>>(words + (from + 1 + random_below(count - 1)) % count, words + from);
  return cudaGetLastError();
}

cudaError_t inject_sustained_fault(void* c, std::size_t bytes) {
  static std::atomic<std::uint64_t> iteration = 0;
  return fault().fires("sustained", iteration++ % 8, 8) ? flip_random_bit(c, bytes) : cudaSuccess;
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
