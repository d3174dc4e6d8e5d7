// The CUDA seam: counts and describes GPUs, and sends each run to its device.
#include <cuda_runtime_api.h>

#include "cuda_runs.h"
#include "cuda_support.h"
#include "probes.h"

namespace gpu_smoke {
namespace {

constexpr bool same(int ours, int theirs) {
  return ours == theirs;
}
static_assert(same(cuda::kSuccess, cudaSuccess));
static_assert(same(cuda::kMemoryAllocation, cudaErrorMemoryAllocation));
static_assert(same(cuda::kStubLibrary, cudaErrorStubLibrary));
static_assert(same(cuda::kInsufficientDriver, cudaErrorInsufficientDriver));
static_assert(same(cuda::kDevicesUnavailable, cudaErrorDevicesUnavailable));
static_assert(same(cuda::kNoDevice, cudaErrorNoDevice));
static_assert(same(cuda::kNoKernelImage, cudaErrorNoKernelImageForDevice));
static_assert(same(cuda::kEccUncorrectable, cudaErrorECCUncorrectable));
static_assert(same(cuda::kNvlinkUncorrectable, cudaErrorNvlinkUncorrectable));
static_assert(same(cuda::kUnsupportedPtx, cudaErrorUnsupportedPtxVersion));
#if CUDART_VERSION >= 13000
static_assert(same(cuda::kContained, cudaErrorContained));
#endif
static_assert(same(cuda::kOperatingSystem, cudaErrorOperatingSystem));
static_assert(same(cuda::kIllegalAddress, cudaErrorIllegalAddress));
static_assert(same(cuda::kLaunchFailure, cudaErrorLaunchFailure));
static_assert(same(cuda::kMisalignedAddress, cudaErrorMisalignedAddress));
static_assert(same(cuda::kInvalidPc, cudaErrorInvalidPc));
static_assert(same(cuda::kHardwareStackError, cudaErrorHardwareStackError));
static_assert(same(cuda::kIllegalInstruction, cudaErrorIllegalInstruction));
static_assert(same(cuda::kInvalidAddressSpace, cudaErrorInvalidAddressSpace));
static_assert(same(cuda::kSystemNotReady, cudaErrorSystemNotReady));
static_assert(same(cuda::kSystemDriverMismatch, cudaErrorSystemDriverMismatch));
static_assert(same(cuda::kCompatNotSupported, cudaErrorCompatNotSupportedOnDevice));

int attribute(cudaDeviceAttr name, int ordinal) {
  int value = 0;
  return cudaDeviceGetAttribute(&value, name, ordinal) == cudaSuccess ? value : 0;
}

CudaGpu describe(int ordinal) {
  CudaGpu gpu;
  gpu.ordinal = ordinal;
  cudaDeviceProp properties{};
  if (cudaGetDeviceProperties(&properties, ordinal) == cudaSuccess) {
    gpu.name = printable(properties.name, sizeof(properties.name));
    gpu.major = properties.major;
    gpu.minor = properties.minor;
    gpu.sm_count = properties.multiProcessorCount;
    gpu.memory_bytes = properties.totalGlobalMem;
  }
  // Attributes: CUDA 13 took the clocks out of cudaDeviceProp.
  gpu.clock_mhz = attribute(cudaDevAttrClockRate, ordinal) / 1000;
  gpu.memory_clock_mhz = attribute(cudaDevAttrMemoryClockRate, ordinal) / 1000;
  gpu.memory_bus_bits = attribute(cudaDevAttrGlobalMemoryBusWidth, ordinal);
  char bus_id[32] = {};
  if (cudaDeviceGetPCIBusId(bus_id, sizeof(bus_id), ordinal) == cudaSuccess) gpu.pci_bus_id = normal_bus_id(bus_id);
  return gpu;
}

class CudaRuntime final : public Cuda {
 public:
  bool built() const override { return true; }

  CudaNode open() override {
    CudaNode node;
    node.built = true;
    cudaDriverGetVersion(&node.driver_version);
    cudaRuntimeGetVersion(&node.runtime_version);
    int count = 0;
    node.code = cudaGetDeviceCount(&count);
    for (int ordinal = 0; node.code == cudaSuccess && ordinal < count; ++ordinal) {
      node.gpus.push_back(describe(ordinal));
      const auto& gpu = node.gpus.back();
      chips_.push_back({gpu.major, gpu.minor, gpu.sm_count});
    }
    return node;
  }

  FirstKernel start(int ordinal) override {
    return on<FirstKernel>(ordinal, [] { return run_first_kernel(); });
  }
  GemmRun run_gemm(int ordinal, const GemmProblem& problem) override {
    return on<GemmRun>(ordinal, [&] { return run_integer_product(problem); });
  }
  GemmRun run_exact(int ordinal, DataType type, const GemmProblem& problem) override {
    GemmRun run = on<GemmRun>(ordinal, [&] { return run_exact_product(chip(ordinal), type, problem); });
    run.type = type;
    return run;
  }
  MemoryRun test_memory(int ordinal) override {
    return on<MemoryRun>(ordinal, [] { return run_memory_test(); });
  }
  BandwidthRun measure_transfer(int ordinal, bool to_device) override {
    return on<BandwidthRun>(ordinal, [&] { return run_transfer(to_device); });
  }
  BandwidthRun measure_copy(int ordinal) override {
    return on<BandwidthRun>(ordinal, [&] { return run_copy(chip(ordinal)); });
  }
  SpeedRun measure_speed(int ordinal, DataType type) override {
    SpeedRun run = on<SpeedRun>(ordinal, [&] { return run_speed(chip(ordinal), type); });
    run.type = type;
    return run;
  }
  SustainedRun sustain(int ordinal, double seconds, const GemmProblem& problem) override {
    return on<SustainedRun>(ordinal, [&] { return run_sustained(chip(ordinal), seconds, problem); });
  }
  PeerRun measure_peer(int from, int to) override {
    PeerRun run = on<PeerRun>(from, [&] { return run_peer(from, to); });
    run.from = from;
    run.to = to;
    return run;
  }

 private:
  [[nodiscard]] const Chip& chip(int ordinal) const { return chips_[static_cast<std::size_t>(ordinal)]; }

  // The first call on a device creates its context.
  template <class Run, class Work>
  Run on(int ordinal, const Work& work) {
    Run run;
    if (!Steps(run).ok("select the device", cudaSetDevice(ordinal))) return run;
    return work();
  }

  std::vector<Chip> chips_;
};

}  // namespace

bool time_launches(Steps& steps, const char* what, int count, const std::function<cudaError_t()>& launch,
                   double& milliseconds) {
  Event start;
  Event stop;
  if (!steps.ok("create an event", start.create()) || !steps.ok("create an event", stop.create())) return false;
  if (!steps.ok("record the start", cudaEventRecord(start, nullptr))) return false;
  for (int i = 0; i < count; ++i) {
    if (!steps.ok(what, launch())) return false;
  }
  if (!steps.ok("record the end", cudaEventRecord(stop, nullptr))) return false;
  if (!steps.ok(what, cudaDeviceSynchronize())) return false;
  float elapsed = 0;
  if (!steps.ok("read the timer", cudaEventElapsedTime(&elapsed, start, stop))) return false;
  milliseconds = static_cast<double>(elapsed) / count;
  return true;
}

std::unique_ptr<Cuda> make_cuda() {
  return std::make_unique<CudaRuntime>();
}

}  // namespace gpu_smoke
