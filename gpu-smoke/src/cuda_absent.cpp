// The CUDA seam of a host-only build: it has not looked, and says so.
#include "probes.h"

namespace gpu_smoke {
namespace {

class CudaAbsent final : public Cuda {
 public:
  bool built() const override { return false; }
  CudaNode open() override { return {}; }
  FirstKernel start(int) override { return {}; }
  GemmRun run_gemm(int, const GemmProblem&) override { return {}; }
  GemmRun run_exact(int, DataType, const GemmProblem&) override { return {}; }
  MemoryRun test_memory(int) override { return {}; }
  BandwidthRun measure_transfer(int, bool) override { return {}; }
  BandwidthRun measure_copy(int) override { return {}; }
  SpeedRun measure_speed(int, DataType) override { return {}; }
  SustainedRun sustain(int, double, const GemmProblem&) override { return {}; }
  PeerRun measure_peer(int, int) override { return {}; }
};

}  // namespace

std::unique_ptr<Cuda> make_cuda() {
  return std::make_unique<CudaAbsent>();
}

}  // namespace gpu_smoke
