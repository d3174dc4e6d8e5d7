// What was observed, without judgement: the input of the verdict rules, and all that a test has to write
// by hand to try one. A reading carries NVML's return code, because "zero" and "could not be read" differ.
// fields.h names every member in JSON.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cuda_codes.h"
#include "data_type.h"
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
  Reading<std::uint64_t> ecc_corrected;
  Reading<bool> sram_threshold_exceeded;  // root only
  Reading<unsigned> pcie_replays;
  Reading<unsigned> power_mw;
  Reading<unsigned> compute_processes;  // ours is one of them once it has a context
};

// What does not change while we look.
struct NvmlFacts {
  Reading<bool> inforom_valid;
  Reading<unsigned> pcie_max_generation;
  Reading<unsigned> pcie_max_width;
  Reading<unsigned> power_limit_mw;
  Reading<unsigned> power_default_limit_mw;
  Reading<unsigned> sm_max_mhz;
};

struct Spread {
  double low = 0;
  double mean = 0;
  double high = 0;
};

// NVML at 10 Hz while the GPU works. `count` is 0 when nothing was sampled.
struct Samples {
  unsigned count = 0;
  unsigned hw_thermal_count = 0;  // samples that say so, of `count`
  unsigned power_brake_count = 0;
  unsigned power_cap_count = 0;
  Spread power_watts;
  Spread temperature_celsius;
  Spread sm_mhz;
  Reading<std::uint64_t> hw_thermal_ns;  // growth of the driver's own counters over the window
  Reading<std::uint64_t> power_brake_ns;
  std::uint64_t window_ns = 0;
  Reading<unsigned> pcie_generation;  // the highest that was seen: a link at rest slows down
  Reading<unsigned> pcie_width;
};

struct NvmlGpu {
  unsigned index = 0;
  int handle_code = nvml::kNotAsked;
  std::string pci_bus_id;  // "domain:bus:device", lower-case hex, 8:2:2 digits; empty when unknown
  std::string name;
  std::string uuid;
  Health before;
  Health after;
  NvmlFacts facts;
  Samples transfer_samples;
  Samples sustained_samples;
};

struct NvmlNode {
  std::string load_error;  // why libnvidia-ml.so.1 could not be loaded; empty when it was
  int init_code = nvml::kNotAsked;
  int count_code = nvml::kNotAsked;
  std::string driver_version;
  std::string nvml_version;
  std::vector<NvmlGpu> gpus;
};

// How a chain of CUDA calls ended.
struct Outcome {
  int code = cuda::kNotAsked;
  std::string step;     // the CUDA call that failed
  std::string skipped;  // why it was not tried on this chip; empty when it was
};

// A context, and a kernel that writes a little memory and one that reads it again.
struct FirstKernel : Outcome {
  std::uint64_t wrong_words = 0;  // of 8 bytes
};

struct GemmRun : Outcome {
  DataType type = DataType::int8;
  int rows = 0;
  int columns = 0;
  int depth = 0;
  int copies = 0;  // the whole product, computed this many times over so that every SM gets work
  std::uint64_t seed = 0;
  double kernel_ms = 0;          // one cold launch
  std::uint64_t mismatches = 0;  // of rows*columns*copies elements
  int first_row = 0;
  int first_column = 0;
  double expected = 0;
  double actual = 0;
  int sms_covered = 0;  // SMs that computed a part
};

struct MemoryRun : Outcome {
  std::uint64_t free_bytes = 0;
  std::uint64_t tested_bytes = 0;
  int passes = 0;  // write and verify, each with another pattern
  double seconds = 0;
  std::uint64_t wrong_words = 0;  // of 8 bytes, over all passes
  std::uint64_t first_offset = 0;
  std::uint64_t expected = 0;
  std::uint64_t actual = 0;
  std::uint64_t flipped_bits = 0;  // OR over all wrong words
};

// One kind of transfer. An attempt is the median of several timings; a second one is a retry.
struct BandwidthRun : Outcome {
  std::uint64_t bytes = 0;
  std::vector<double> attempts_gb_s;
  std::uint64_t wrong_bytes = 0;  // what arrived differs from what was sent
};

inline constexpr const char* kOwnEngine = "own";

struct SpeedRun : Outcome {
  DataType type = DataType::int8;
  std::string engine;  // "cublasLt" or kOwnEngine
  int rows = 0;
  int columns = 0;
  int depth = 0;
  std::vector<double> attempts_tflops;
};

struct SustainedRun : Outcome {
  DataType type = DataType::bf16;
  std::string engine;
  double seconds = 0;
  std::uint64_t iterations = 0;
  std::uint64_t wrong_iterations = 0;
  std::uint64_t mismatches = 0;
  std::uint64_t expected_digest = 0;
  std::uint64_t wrong_digest = 0;  // the first that differed
  double tflops = 0;
};

struct PeerRun : BandwidthRun {
  int from = 0;  // CUDA ordinals
  int to = 0;
  bool access = false;  // the driver allows direct access
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
  int clock_mhz = 0;  // peak, of the SMs and of the memory
  int memory_clock_mhz = 0;
  int memory_bus_bits = 0;
  FirstKernel context;
  MemoryRun memory;
  std::vector<GemmRun> exact;
  BandwidthRun host_to_device;
  BandwidthRun device_to_host;
  BandwidthRun copy;
  std::vector<SpeedRun> speeds;
  SustainedRun sustained;
};

struct CudaNode {
  bool built = false;  // false in a host-only build
  int code = cuda::kNotAsked;
  int driver_version = 0;  // 1000*major + 10*minor; 0 when there is no driver
  int runtime_version = 0;
  std::vector<CudaGpu> gpus;
  std::vector<PeerRun> peers;
};

struct Xid {
  std::string pci_bus_id;  // as in NvmlGpu
  unsigned code = 0;
  bool during_test = false;
  bool before_reload = false;  // the driver was loaded again since
};

struct KernelLog {
  bool readable = false;
  std::string error;  // why not
  std::vector<Xid> xids;
};

// What an earlier run that passed measured on one GPU.
struct PastRun {
  std::string uuid;
  std::string started_at;
  std::vector<std::string> names;  // of metrics
  std::vector<double> values;
};

enum class Level { quick, standard, burn_in };

struct Evidence {
  Level level = Level::quick;
  NvmlNode nvml;
  CudaNode cuda;
  KernelLog kernel_log;
  std::vector<PastRun> history;
  bool visible_devices_set = false;  // CUDA_VISIBLE_DEVICES narrows what CUDA sees
  bool reference_computed = false;
  bool reference_verified = false;
  bool timed_out = false;
  unsigned timeout_s = 0;
  double cool_start_s = 0;  // waited at first, because a GPU was still slowed by heat from before
  double cool_down_s = 0;   // before performance checks were retried; 0 when none was
};

}  // namespace gpu_smoke
