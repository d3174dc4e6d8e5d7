// The CUDA seam of a host-only build: it has not looked, and says so.
#include "probes.h"

namespace gpu_smoke {
namespace {

class CudaAbsent final : public Cuda {
 public:
  bool built() const override { return false; }
  CudaNode open() override { return {}; }
  GemmRun run_gemm(int, const GemmProblem&) override { return {}; }
};

}  // namespace

std::unique_ptr<Cuda> make_cuda() {
  return std::make_unique<CudaAbsent>();
}

}  // namespace gpu_smoke
