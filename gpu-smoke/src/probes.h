// The two seams to the machine. Behind them: libnvidia-ml.so.1 (nvml_library.cpp) and the CUDA runtime
// (cuda_probe.cu, or cuda_absent.cpp in a host-only build). Neither throws; what fails is in the data.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "evidence.h"
#include "gemm_problem.h"

namespace gpu_smoke {

class Nvml {
 public:
  virtual ~Nvml() = default;
  // Loads, initialises and lists; health is read apart. Called once.
  virtual NvmlNode open() = 0;
  virtual Health read_health(unsigned index) = 0;
};

class Cuda {
 public:
  virtual ~Cuda() = default;
  // False in a host-only build, which has no CUDA to ask.
  [[nodiscard]] virtual bool built() const = 0;
  // Counts and describes the GPUs; creates no context. Called once.
  virtual CudaNode open() = 0;
  // Blocks until the product is back and compared. A hung GPU is the caller's watchdog's business.
  virtual GemmRun run_gemm(int ordinal, const GemmProblem& problem) = 0;
};

// dlopen("libnvidia-ml.so.1"): the driver's file name, never the toolkit's stub.
[[nodiscard]] std::unique_ptr<Nvml> make_nvml();
[[nodiscard]] std::unique_ptr<Cuda> make_cuda();

// "0000:C1:00.0" and "00000000:c1:00.0" name the same device: both become "00000000:c1:00".
// Empty when the text is no bus id.
[[nodiscard]] std::string normal_bus_id(const std::string& text);
// Printable ASCII only: what a driver calls itself must not reach a terminal or JSON unchecked.
[[nodiscard]] std::string printable(const char* text, std::size_t limit);

}  // namespace gpu_smoke
