// libcublasLt by dlopen, where there is one: the speed that a chip is known for. It is 541 MB and never linked.
// ABI: NVIDIA's public cublasLt.h, unchanged from CUDA 11.8 to 13.
#pragma once

#include <cuda_runtime_api.h>
#include <memory>

#include "kernels.h"

namespace gpu_smoke {

// One product, planned once and launched often. Nothing when the library is not there, is too old for the type, or
// has no algorithm for it on the current device. `wide_result`: fp32 even where the operands are narrower.
class LtProduct {
 public:
  static std::unique_ptr<LtProduct> plan(DataType type, bool wide_result, const Product& product);
  virtual ~LtProduct() = default;
  // cudaErrorUnknown stands for every failure of the library.
  virtual cudaError_t launch() = 0;
};

// "libcublasLt.so.13", "libcublasLt.so.12", or nullptr.
[[nodiscard]] const char* cublaslt_name();

}  // namespace gpu_smoke
