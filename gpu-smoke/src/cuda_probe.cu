// The CUDA seam: counts GPUs and runs one exact product with our own kernel.
#include <cstdint>
#include <cuda_runtime.h>
#include <vector>

#include "exact_gemm.cuh"
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
static_assert(same(cuda::kUnsupportedPtx, cudaErrorUnsupportedPtxVersion));
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

class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;
  ~DeviceBuffer() { cudaFree(data_); }
  cudaError_t allocate(std::size_t bytes) { return cudaMalloc(&data_, bytes); }
  template <class T>
  T* as() const {
    return static_cast<T*>(data_);
  }

 private:
  void* data_ = nullptr;
};

class Event {
 public:
  Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() {
    if (event_ != nullptr) cudaEventDestroy(event_);
  }
  cudaError_t create() { return cudaEventCreate(&event_); }
  operator cudaEvent_t() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

// Runs the product on the current device into `actual`. Stops at the first CUDA error and names the call.
void multiply_on_gpu(const GemmProblem& problem, std::vector<std::int32_t>& actual, GemmRun& run) {
  auto ok = [&run](const char* step, cudaError_t code) {
    run.code = code;
    run.step = code == cudaSuccess ? "" : step;
    return code == cudaSuccess;
  };
  DeviceBuffer a;
  DeviceBuffer b;
  DeviceBuffer c;
  Event start;
  Event stop;
  const std::size_t c_bytes = actual.size() * sizeof(std::int32_t);
  if (!ok("create an event", start.create()) || !ok("create an event", stop.create())) return;
  if (!ok("allocate A", a.allocate(problem.a.size())) || !ok("allocate B", b.allocate(problem.b.size()))) return;
  if (!ok("allocate C", c.allocate(c_bytes))) return;
  if (!ok("copy A", cudaMemcpy(a.as<int>(), problem.a.data(), problem.a.size(), cudaMemcpyHostToDevice))) return;
  if (!ok("copy B", cudaMemcpy(b.as<int>(), problem.b.data(), problem.b.size(), cudaMemcpyHostToDevice))) return;
  if (!ok("fill C", cudaMemset(c.as<int>(), kPoison & 0xff, c_bytes))) return;
  const dim3 grid(problem.n / kTile, problem.m / kTile);
  const dim3 block(kThreads, kThreads);
  if (!ok("record the start", cudaEventRecord(start))) return;
  exact_gemm<<<grid, block>>>(a.as<int>(), b.as<int>(), c.as<int>(), problem.n, problem.k / 4);
  if (!ok("launch the kernel", cudaGetLastError()) || !ok("record the end", cudaEventRecord(stop))) return;
  if (!ok("wait for the kernel", cudaDeviceSynchronize())) return;
  if (!ok("copy C back", cudaMemcpy(actual.data(), c.as<int>(), c_bytes, cudaMemcpyDeviceToHost))) return;
  float milliseconds = 0;
  if (!ok("read the timer", cudaEventElapsedTime(&milliseconds, start, stop))) return;
  run.kernel_ms = milliseconds;
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
    }
    return node;
  }

  GemmRun run_gemm(int ordinal, const GemmProblem& problem) override {
    GemmRun run;
    if (problem.m % kTile != 0 || problem.n % kTile != 0 || problem.k % (4 * kWords) != 0) {
      run.code = cudaErrorInvalidValue;
      run.step = "choose a size";
      return run;
    }
    run.code = cudaSetDevice(ordinal);  // creates the context
    run.step = run.code == cudaSuccess ? "" : "create a context";
    if (run.code != cudaSuccess) return run;
    std::vector<std::int32_t> actual(problem.expected.size(), kPoison);
    multiply_on_gpu(problem, actual, run);
    if (run.code != cudaSuccess) return run;
    const Comparison comparison = compare(problem, actual);
    run.mismatches = comparison.mismatches;
    run.first_row = comparison.first_row;
    run.first_column = comparison.first_column;
    run.expected = comparison.expected;
    run.actual = comparison.actual;
    return run;
  }
};

}  // namespace

std::unique_ptr<Cuda> make_cuda() {
  return std::make_unique<CudaRuntime>();
}

}  // namespace gpu_smoke
