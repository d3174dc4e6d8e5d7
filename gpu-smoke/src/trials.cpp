// gpu-smoke-trials, in a build with faults only: injects each fault many times into the real kernels' data and counts
// how often the checks saw it; and as many healthy runs, of which none may be called wrong.
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>

#include "kernels.h"
#include "probes.h"

namespace gpu_smoke {
namespace {

constexpr double kSustainedSeconds = 0.3;

class Trials {
 public:
  Trials(Cuda& cuda, const CudaGpu& gpu, int count)
      : cuda_(cuda),
        gpu_(gpu.ordinal),
        count_(count),
        ternary_(make_gemm_problem(1024, 1024, kMaxGemmK, 1)),
        wide_(make_gemm_problem(1024, 1024, kMaxGemmK, 2, kMaxGemmLimit)) {}

  // True when every injected fault was seen and every healthy run was not. A run that did not end well is neither.
  bool run() {
    const auto products = [this] { return products_are_wrong(); };
    const auto memory = [this] { return memory_is_wrong(); };
    const auto sustained = [this] { return sustained_is_wrong(); };
    bool good = true;
    for (const char* fault : {"", "bit", "block"}) good = series("exact products", fault, products) && good;
    for (const char* fault : {"", "address", "alias"}) good = series("memory", fault, memory) && good;
    for (const char* fault : {"", "sustained"}) good = series("sustained load", fault, sustained) && good;
    return good && broken_ == 0;
  }

 private:
  bool series(const char* check, const char* fault, const std::function<bool()>& is_wrong) {
    int injected = 0;
    int seen = 0;
    for (int i = 0; i < count_; ++i) {
      arm_fault(fault);
      seen += is_wrong();
      injected += fault_has_fired();
    }
    const bool healthy = *fault == '\0';
    std::printf("%-14s %-10s %d runs, %d faults injected, %d called wrong, %d broken\n", check,
                healthy ? "healthy" : fault, count_, injected, seen, broken_);
    std::fflush(stdout);
    return healthy ? seen == 0 && injected == 0 : seen == count_ && injected == count_;
  }

  bool products_are_wrong() {
    bool wrong = false;
    for (const auto& type : kDataTypes) {
      const GemmRun run = cuda_.run_exact(gpu_, type.type, ternary_);
      if (!run.skipped.empty()) continue;
      wrong = wrong || run.mismatches > 0;
      note(run);
    }
    return wrong;
  }
  bool memory_is_wrong() {
    const MemoryRun run = cuda_.test_memory(gpu_);
    note(run);
    return run.wrong_words > 0;
  }
  bool sustained_is_wrong() {
    const SustainedRun run = cuda_.sustain(gpu_, kSustainedSeconds, wide_);
    note(run);
    return run.wrong_iterations > 0 && run.mismatches > 0;
  }
  void note(const Outcome& run) {
    if (run.code == cuda::kSuccess) return;
    ++broken_;
    std::printf("CUDA %d at: %s\n", run.code, run.step.c_str());
  }

  Cuda& cuda_;
  int gpu_;
  int count_;
  int broken_ = 0;
  GemmProblem ternary_;
  GemmProblem wide_;
};

int run(int count) {
  const auto cuda = make_cuda();
  const CudaNode node = cuda->open();
  if (node.gpus.empty()) {
    std::fprintf(stderr, "gpu-smoke-trials: no GPU (CUDA %d)\n", node.code);
    return 3;
  }
  bool good = true;
  for (const auto& gpu : node.gpus) {
    std::printf("GPU %d %s, driver for CUDA %d\n", gpu.ordinal, gpu.name.c_str(), node.driver_version);
    good = Trials(*cuda, gpu, count).run() && good;
  }
  return good ? 0 : 1;
}

}  // namespace
}  // namespace gpu_smoke

int main(int argc, char** argv) {
  const int count = argc == 2 ? std::atoi(argv[1]) : 0;
  if (count > 0) return gpu_smoke::run(count);
  std::fprintf(stderr, "usage: gpu-smoke-trials COUNT\n");
  return 2;
}
