// What was observed, without judgement: the input of the verdict rules, and all that a test has to write
// by hand to try one. A reading carries NVML's return code, because "zero" and "could not be read" differ.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cuda_codes.h"
#include "nvml_abi.h"

namespace gpu_smoke {

template <class T>
struct Reading {
  int code = nvml::kNotAsked;
  T value{};
  [[nodiscard]] bool ok() const { return code == nvml::kSuccess; }
};

struct RemappedRows {
  unsigned correctable = 0;
  unsigned uncorrectable = 0;
  bool pending = false;
  bool failure = false;
};

struct RetiredPages {  // GPUs before Ampere, which have no row remapper
  unsigned multiple_single_bit = 0;
  unsigned double_bit = 0;
  bool pending = false;
};

// One sample of one GPU. ECC counts are volatile: since the driver was loaded.
struct Health {
  Reading<bool> mig_enabled;
  Reading<bool> ecc_enabled;
  Reading<std::uint64_t> ecc_uncorrected;
  Reading<RemappedRows> remapped_rows;
  Reading<RetiredPages> retired_pages;
  Reading<unsigned> recovery_action;
  Reading<unsigned> temperature_celsius;
  Reading<unsigned> slowdown_celsius;
  Reading<unsigned> shutdown_celsius;
  Reading<std::uint64_t> clocks_event_reasons;
};

struct NvmlGpu {
  unsigned index = 0;
  int handle_code = nvml::kNotAsked;
  std::string pci_bus_id;  // "domain:bus:device", lower-case hex, 8:2:2 digits; empty when unknown
  std::string name;
  std::string uuid;
  Health before;
  Health after;
};

struct NvmlNode {
  std::string load_error;  // why libnvidia-ml.so.1 could not be loaded; empty when it was
  int init_code = nvml::kNotAsked;
  int count_code = nvml::kNotAsked;
  std::string driver_version;
  std::string nvml_version;
  std::vector<NvmlGpu> gpus;
};

struct GemmRun {
  int code = cuda::kNotAsked;
  std::string step;  // the CUDA call that failed
  double kernel_ms = 0;
  std::uint64_t mismatches = 0;  // of m*n elements
  int first_row = 0;
  int first_column = 0;
  std::int32_t expected = 0;
  std::int32_t actual = 0;
};

struct CudaGpu {
  int ordinal = 0;
  std::string name;
  std::string pci_bus_id;  // as in NvmlGpu
  int major = 0;
  int minor = 0;
  int sm_count = 0;
  std::uint64_t memory_bytes = 0;
  GemmRun gemm;
};

struct CudaNode {
  bool built = false;  // false in a host-only build
  int code = cuda::kNotAsked;
  int driver_version = 0;  // 1000*major + 10*minor; 0 when there is no driver
  int runtime_version = 0;
  std::vector<CudaGpu> gpus;
};

struct Evidence {
  NvmlNode nvml;
  CudaNode cuda;
  bool visible_devices_set = false;  // CUDA_VISIBLE_DEVICES narrows what CUDA sees
  bool reference_computed = false;
  bool reference_verified = false;
  int gemm_m = 0;
  int gemm_n = 0;
  int gemm_k = 0;
  std::uint64_t gemm_seed = 0;
  bool timed_out = false;
  unsigned timeout_s = 0;
};

}  // namespace gpu_smoke
