// Everything that nvcc compiles: the kernels and their launches.
#include <algorithm>
#include <cstdint>

#include "exact_gemm.cuh"
#include "faults.cuh"
#include "kernels.h"
#include "memory_kernels.cuh"
#include "mma.cuh"
#include "plain_gemm.cuh"
#include "tensor_gemm.cuh"

namespace gpu_smoke {
namespace {

constexpr unsigned kThreads1d = 256;

dim3 grid_of(const Product& product) {
  return dim3(product.columns / kProductBlock, product.rows / kProductBlock, product.copies);
}

// A kernel compiled for an older chip has nothing in place of the steps that only newer ones know: it must not run,
// or a healthy GPU would be called wrong.
template <DataType type>
cudaError_t check_image() {
  cudaFuncAttributes attributes{};
  const cudaError_t asked = cudaFuncGetAttributes(&attributes, tensor_gemm<type>);
  if (asked != cudaSuccess) return asked;
  const int needed = type == DataType::fp64 ? 80 : info(type).minimum_capability;
  return attributes.ptxVersion >= needed ? cudaSuccess : cudaErrorNoKernelImageForDevice;
}

template <DataType type>
cudaError_t launch_tensor(const Product& product) {
  const cudaError_t image = check_image<type>();
  if (image != cudaSuccess) return image;
  tensor_gemm<type><<<grid_of(product), kBlockThreads>>>(
      static_cast<const uint4*>(product.a), static_cast<const uint4*>(product.b), static_cast<Result<type>*>(product.c),
      product.depth * info(type).bytes / 16, product.sms);
  return cudaGetLastError();
}

template <class Number>
cudaError_t launch_plain(const Product& product) {
  plain_gemm<Number><<<grid_of(product), kPlainSide * kPlainSide>>>(
      static_cast<const uint4*>(product.a), static_cast<const uint4*>(product.b), static_cast<Number*>(product.c),
      product.depth * static_cast<int>(sizeof(Number)) / 16, product.sms);
  return cudaGetLastError();
}

unsigned grid_1d(std::uint64_t items) {
  return static_cast<unsigned>(std::clamp<std::uint64_t>(items / kThreads1d / 4, 1, 1U << 20U));
}

}  // namespace

bool uses_tensor_cores(int major, DataType type) {
  if (type == DataType::fp32) return false;
  return type != DataType::fp64 || major >= 8;
}

cudaError_t launch_product(DataType type, bool tensor_cores, const Product& product) {
  const int row_bytes = product.depth * info(type).bytes;
  if (product.rows % kProductBlock != 0 || product.columns % kProductBlock != 0 || row_bytes % 64 != 0) {
    return cudaErrorInvalidValue;
  }
  if (type == DataType::fp8 && !kHasFp8Kernel) return cudaErrorNotSupported;
  if (type == DataType::fp32) return launch_plain<float>(product);
  if (!tensor_cores) return type == DataType::fp64 ? launch_plain<double>(product) : cudaErrorNotSupported;
  switch (type) {
    case DataType::fp64:
      return launch_tensor<DataType::fp64>(product);
    case DataType::tf32:
      return launch_tensor<DataType::tf32>(product);
    case DataType::fp16:
      return launch_tensor<DataType::fp16>(product);
    case DataType::bf16:
      return launch_tensor<DataType::bf16>(product);
    case DataType::fp8:
      return launch_tensor<DataType::fp8>(product);
    case DataType::int8:
      return launch_tensor<DataType::int8>(product);
    case DataType::fp32:
      break;
  }
  return cudaErrorInvalidValue;
}

cudaError_t launch_integer_product(const Product& product) {
  if (product.rows % kTile != 0 || product.columns % kTile != 0 || product.depth % (4 * kWords) != 0) {
    return cudaErrorInvalidValue;
  }
  exact_gemm<<<dim3(product.columns / kTile, product.rows / kTile), dim3(kThreads, kThreads)>>>(
      static_cast<const int*>(product.a), static_cast<const int*>(product.b), static_cast<int*>(product.c),
      product.columns, product.depth / 4);
  return cudaGetLastError();
}

cudaError_t launch_fill(void* data, std::uint64_t pairs, std::uint64_t first_word, Pattern pattern) {
  fill_pattern<<<grid_1d(pairs), kThreads1d>>>(static_cast<ulonglong2*>(data), pairs, first_word, pattern);
  return cudaGetLastError();
}

cudaError_t launch_check(const void* data, std::uint64_t pairs, std::uint64_t first_word, Pattern pattern,
                         MemoryErrors* errors) {
  check_pattern<<<grid_1d(pairs), kThreads1d>>>(static_cast<const ulonglong2*>(data), pairs, first_word, pattern,
                                                errors);
  return cudaGetLastError();
}

cudaError_t launch_copy(const void* from, void* to, std::uint64_t bytes, int sm_count) {
  const unsigned blocks = static_cast<unsigned>(std::max(sm_count, 1)) * 16;
  copy_vectors<<<blocks, kThreads1d * 2>>>(static_cast<const uint4*>(from), static_cast<uint4*>(to), bytes / 16);
  return cudaGetLastError();
}

cudaError_t launch_normal(DataType type, void* data, std::uint64_t count, std::uint64_t seed) {
  const unsigned grid = grid_1d(count);
  switch (type) {
    case DataType::fp64:
      fill_normal<DataType::fp64><<<grid, kThreads1d>>>(static_cast<std::uint64_t*>(data), count, seed);
      break;
    case DataType::fp32:
    case DataType::tf32:
      fill_normal<DataType::fp32><<<grid, kThreads1d>>>(static_cast<std::uint32_t*>(data), count, seed);
      break;
    case DataType::fp16:
      fill_normal<DataType::fp16><<<grid, kThreads1d>>>(static_cast<std::uint16_t*>(data), count, seed);
      break;
    case DataType::bf16:
      fill_normal<DataType::bf16><<<grid, kThreads1d>>>(static_cast<std::uint16_t*>(data), count, seed);
      break;
    case DataType::fp8:
      fill_normal<DataType::fp8><<<grid, kThreads1d>>>(static_cast<std::uint8_t*>(data), count, seed);
      break;
    case DataType::int8:
      fill_normal<DataType::int8><<<grid, kThreads1d>>>(static_cast<std::uint8_t*>(data), count, seed);
      break;
  }
  return cudaGetLastError();
}

cudaError_t launch_check_output(const float* c, const int* expected, int rows, int columns, int size, int sm_count,
                                OutputErrors* errors) {
  if ((size & (size - 1)) != 0) return cudaErrorInvalidValue;
  check_output<<<static_cast<unsigned>(std::max(sm_count, 1)) * 8, kCheckThreads>>>(
      c, expected, static_cast<unsigned>(rows), static_cast<unsigned>(columns), static_cast<unsigned>(size), errors);
  return cudaGetLastError();
}

}  // namespace gpu_smoke

#include "faults_inject.cuh"
