#include "observe.h"

#include <cstdlib>

namespace gpu_smoke {
namespace {

GemmProblem prepare_problem(const ObserveOptions& options, Evidence& evidence) {
  GemmProblem problem = make_gemm_problem(options.gemm_m, options.gemm_n, options.gemm_k, options.seed);
  evidence.reference_computed = true;
  evidence.reference_verified = verify_reference(problem, options.seed + 1);
  evidence.gemm_m = problem.m;
  evidence.gemm_n = problem.n;
  evidence.gemm_k = problem.k;
  evidence.gemm_seed = problem.seed;
  return problem;
}

}  // namespace

Evidence observe(Nvml& nvml, Cuda& cuda, const ObserveOptions& options,
                 const std::function<void(const Evidence&)>& publish) {
  Evidence evidence;
  evidence.visible_devices_set = std::getenv("CUDA_VISIBLE_DEVICES") != nullptr;
  evidence.cuda.built = cuda.built();
  evidence.nvml = nvml.open();
  publish(evidence);
  for (auto& gpu : evidence.nvml.gpus) {
    gpu.before = nvml.read_health(gpu.index);
    publish(evidence);
  }
  evidence.cuda = cuda.open();
  publish(evidence);
  if (!evidence.cuda.gpus.empty()) {
    const GemmProblem problem = prepare_problem(options, evidence);
    for (auto& gpu : evidence.cuda.gpus) {
      if (!evidence.reference_verified) break;
      gpu.gemm = cuda.run_gemm(gpu.ordinal, problem);
      publish(evidence);
    }
  }
  for (auto& gpu : evidence.nvml.gpus) {
    gpu.after = nvml.read_health(gpu.index);
    publish(evidence);
  }
  return evidence;
}

}  // namespace gpu_smoke
