// Our kernels as plain functions, so that only kernels.cu needs nvcc. Each queues its work and returns.
#pragma once

#include <cstdint>
#include <cuda_runtime_api.h>

#include "data_type.h"

namespace gpu_smoke {

enum class Pattern;
struct MemoryErrors;
struct OutputErrors;

// Device pointers. A: rows x depth; B: columns x depth, so transposed; C: `copies` results of rows x columns.
struct Product {
  const void* a = nullptr;
  const void* b = nullptr;
  void* c = nullptr;
  int rows = 0;  // a multiple of 128, as columns
  int columns = 0;
  int depth = 0;  // bytes of a row: a multiple of 64
  int copies = 1;
  unsigned* sms = nullptr;  // one per block, or none
};

// e4m3 came to mma with PTX 8.4, in CUDA 12.4.
constexpr bool kHasFp8Kernel = CUDART_VERSION >= 12040;

constexpr int kProductBlock = 128;  // rows and columns of C per block

// On tensor cores where `tensor_cores` says that the chip has them for the type; otherwise fp32 and fp64 only.
cudaError_t launch_product(DataType type, bool tensor_cores, const Product& product);
// int8 on the integer units; rows and columns multiples of 64, depth of 32.
cudaError_t launch_integer_product(const Product& product);
[[nodiscard]] bool uses_tensor_cores(int major, DataType type);

// `pairs` of 8-byte words from word `first_word` of the tested memory on.
cudaError_t launch_fill(void* data, std::uint64_t pairs, std::uint64_t first_word, Pattern pattern);
cudaError_t launch_check(const void* data, std::uint64_t pairs, std::uint64_t first_word, Pattern pattern,
                         MemoryErrors* errors);
cudaError_t launch_copy(const void* from, void* to, std::uint64_t bytes, int sm_count);
cudaError_t launch_normal(DataType type, void* data, std::uint64_t count, std::uint64_t seed);
// fp32 results against the int32 reference, repeated; see check_output.
cudaError_t launch_check_output(const float* c, const int* expected, int rows, int columns, int size, int sm_count,
                                OutputErrors* errors);

// Nothing in an ordinary build. The armed fault fires once, at a place chosen at random: "bit" in an exact product's
// result, "block" left out of one, "address" or "alias" in the tested memory, "sustained" in one result of that load.
cudaError_t inject_before_product(DataType type, int blocks);
cudaError_t inject_after_product(DataType type, void* c, std::size_t bytes);
cudaError_t inject_memory_fault(Pattern pattern, void* data, std::size_t bytes);
cudaError_t inject_sustained_fault(void* c, std::size_t bytes);
#ifdef GPU_SMOKE_FAULTS
void arm_fault(const char* name);  // "" for none
[[nodiscard]] bool fault_has_fired();
#endif

}  // namespace gpu_smoke
