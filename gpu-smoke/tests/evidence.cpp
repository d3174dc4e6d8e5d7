// One GPU on which everything is well: what the tables of cases start from.
#include <cstdio>
#include <cstdlib>

#include "reference.h"
#include "tests.h"

namespace gpu_smoke::test {
namespace {

Health healthy_reading() {
  Health health;
  health.mig_enabled = {0, false};
  health.ecc_enabled = {0, true};
  health.ecc_uncorrected = {0, 0};
  health.remapped_rows = {0, {0, 0, false, false}};
  health.retired_pages = {nvml::kNotSupported, {}};
  health.recovery_action = {0, 0};
  health.temperature_celsius = {0, 40};
  health.slowdown_celsius = {0, 90};
  health.shutdown_celsius = {0, 95};
  health.clocks_event_reasons = {0, 1};
  health.ecc_corrected = {0, 0};
  health.sram_threshold_exceeded = {0, false};
  health.pcie_replays = {0, 0};
  health.power_mw = {0, 90000};
  health.compute_processes = {0, 0};
  return health;
}

Samples busy() {
  Samples samples;
  samples.count = 80;
  samples.power_cap_count = 60;
  samples.power_watts = {420, 690, 700};
  samples.temperature_celsius = {45, 60, 66};
  samples.sm_mhz = {1500, 1700, 1980};
  samples.hw_thermal_ns = samples.power_brake_ns = {0, 0};
  samples.window_ns = 8'000'000'000;
  samples.pcie_generation = {0, 5};
  samples.pcie_width = {0, 16};
  return samples;
}

template <class Run>
Run ran() {
  Run run;
  run.code = cuda::kSuccess;
  return run;
}

BandwidthRun bandwidth(double gb_s) {
  auto run = ran<BandwidthRun>();
  run.bytes = 1U << 27U;
  run.attempts_gb_s = {gb_s};
  return run;
}

GemmRun product(DataType type, int copies) {
  auto run = ran<GemmRun>();
  run.type = type;
  run.rows = run.columns = 1024;
  run.depth = 4096;
  run.copies = copies;
  run.seed = 20260101;
  run.kernel_ms = 1.5;
  run.sms_covered = copies > 1 ? 132 : 0;
  return run;
}

CudaGpu working_gpu() {
  CudaGpu gpu;
  gpu.name = "NVIDIA H100 80GB HBM3";
  gpu.pci_bus_id = "00000000:c1:00";
  gpu.major = 9;
  gpu.sm_count = 132;
  gpu.memory_bytes = 85'000'000'000;
  gpu.clock_mhz = 1980;
  gpu.memory_clock_mhz = 2619;
  gpu.memory_bus_bits = 5120;
  gpu.context = ran<FirstKernel>();
  gpu.gemm = product(DataType::int8, 1);
  gpu.memory = ran<MemoryRun>();
  gpu.memory.free_bytes = 84'000'000'000;
  gpu.memory.tested_bytes = 79'000'000'000;
  gpu.memory.passes = 4;
  gpu.memory.seconds = 0.6;
  gpu.host_to_device = bandwidth(55);
  gpu.device_to_host = bandwidth(54);
  gpu.copy = bandwidth(3000);
  const ChipReference* chip = find_chip(gpu.name);
  for (const auto& type : kDataTypes) {
    gpu.exact.push_back(product(type.type, 9));
    auto speed = ran<SpeedRun>();
    speed.type = type.type;
    speed.engine = "cublasLt";
    speed.rows = speed.columns = speed.depth = 8192;
    speed.attempts_tflops = {chip->gemm[static_cast<std::size_t>(type.type)].expected};
    gpu.speeds.push_back(speed);
  }
  gpu.sustained = ran<SustainedRun>();
  gpu.sustained.engine = "cublasLt";
  gpu.sustained.seconds = 8;
  gpu.sustained.iterations = 9000;
  gpu.sustained.expected_digest = 0x1234;
  gpu.sustained.tflops = 620;
  return gpu;
}

}  // namespace

Evidence healthy(Level level) {
  Evidence evidence;
  evidence.level = level;
  evidence.nvml.init_code = 0;
  evidence.nvml.count_code = 0;
  evidence.nvml.driver_version = "580.65.06";
  evidence.nvml.nvml_version = "13.580.65.06";
  NvmlGpu side;
  side.handle_code = 0;
  side.pci_bus_id = "00000000:c1:00";
  side.name = "NVIDIA H100 80GB HBM3";
  side.uuid = "GPU-1";
  side.before = side.after = healthy_reading();
  side.after.compute_processes.value = 1;
  side.facts = {{0, true}, {0, 5}, {0, 16}, {0, 700000}, {0, 700000}, {0, 1980}};
  side.transfer_samples = side.sustained_samples = busy();
  evidence.nvml.gpus.push_back(side);
  evidence.cuda = {true, 0, 13000, 13050, {working_gpu()}, {}};
  evidence.kernel_log.readable = true;
  evidence.reference_computed = evidence.reference_verified = true;
  evidence.timeout_s = 90;
  return evidence;
}

void add_gpu(Evidence& evidence) {
  NvmlGpu side = evidence.nvml.gpus[0];
  side.index = static_cast<unsigned>(evidence.nvml.gpus.size());
  side.pci_bus_id = "00000000:c" + std::to_string(side.index + 1) + ":00";
  side.uuid = "GPU-" + std::to_string(side.index + 1);
  CudaGpu gpu = evidence.cuda.gpus[0];
  gpu.ordinal = static_cast<int>(evidence.cuda.gpus.size());
  gpu.pci_bus_id = side.pci_bus_id;
  evidence.nvml.gpus.push_back(side);
  evidence.cuda.gpus.push_back(gpu);
  evidence.cuda.peers.clear();
  for (int from = 0; from <= gpu.ordinal; ++from) {
    for (int to = 0; to <= gpu.ordinal; ++to) {
      if (from == to) continue;
      PeerRun run;
      static_cast<BandwidthRun&>(run) = bandwidth(380);
      run.from = from;
      run.to = to;
      run.access = true;
      evidence.cuda.peers.push_back(run);
    }
  }
}

Check find_check(const Report& report, const std::string& name) {
  for (const auto& check : report.checks) {
    if (check.name == name) return check;
  }
  for (const auto& gpu : report.gpus) {
    for (const auto& check : gpu.checks) {
      if (check.name == name) return check;
    }
  }
  std::printf("no check named %s\n", name.c_str());
  std::abort();
}

bool has_check(const Report& report, const std::string& name) {
  for (const auto& gpu : report.gpus) {
    for (const auto& check : gpu.checks) {
      if (check.name == name) return true;
    }
  }
  return false;
}

}  // namespace gpu_smoke::test
