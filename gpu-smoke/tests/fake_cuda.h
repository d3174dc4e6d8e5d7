// A CUDA side that answers rightly and notes what it was asked. Tests override what they are about.
#pragma once

#include <map>
#include <mutex>

#include "probes.h"
#include "tests.h"

namespace gpu_smoke::test {

class FakeCuda : public Cuda {
 public:
  explicit FakeCuda(int gpus, Level level = Level::standard) {
    Evidence evidence = healthy(level);
    for (int i = 1; i < gpus; ++i) add_gpu(evidence);
    if (gpus == 0) evidence.cuda.gpus.clear();
    node_ = evidence.cuda;
  }
  bool built() const override { return true; }
  CudaNode open() override {
    CudaNode node{true, node_.code, node_.driver_version, node_.runtime_version, {}, {}};
    for (const auto& gpu : node_.gpus) {
      CudaGpu bare;
      bare.ordinal = gpu.ordinal;
      bare.name = gpu.name;
      bare.pci_bus_id = gpu.pci_bus_id;
      bare.major = gpu.major;
      bare.minor = gpu.minor;
      bare.sm_count = gpu.sm_count;
      bare.memory_bytes = gpu.memory_bytes;
      node.gpus.push_back(bare);
    }
    return node;
  }
  FirstKernel start(int gpu) override { return note(gpu, "start"), node(gpu).context; }
  GemmRun run_gemm(int gpu, const GemmProblem&) override { return note(gpu, "gemm"), node(gpu).gemm; }
  GemmRun run_exact(int gpu, DataType type, const GemmProblem&) override {
    return note(gpu, "exact"), node(gpu).exact[static_cast<std::size_t>(type)];
  }
  MemoryRun test_memory(int gpu) override { return note(gpu, "memory"), node(gpu).memory; }
  BandwidthRun measure_transfer(int gpu, bool to_device) override {
    note(gpu, "transfer");
    return to_device ? node(gpu).host_to_device : node(gpu).device_to_host;
  }
  BandwidthRun measure_copy(int gpu) override { return note(gpu, "copy"), node(gpu).copy; }
  SpeedRun measure_speed(int gpu, DataType type) override {
    return note(gpu, "speed"), node(gpu).speeds[static_cast<std::size_t>(type)];
  }
  SustainedRun sustain(int gpu, double, const GemmProblem&) override {
    return note(gpu, "sustain"), node(gpu).sustained;
  }
  PeerRun measure_peer(int from, int to) override {
    note(from, "peer");
    for (const auto& run : node_.peers) {
      if (run.from == from && run.to == to) return run;
    }
    return {};
  }

  [[nodiscard]] int asked(const std::string& what) const {
    const std::lock_guard lock(mutex_);
    const auto found = asked_.find(what);
    return found == asked_.end() ? 0 : found->second;
  }

 protected:
  CudaGpu& node(int gpu) { return node_.gpus.at(static_cast<std::size_t>(gpu)); }
  void note(int, const std::string& what) {
    const std::lock_guard lock(mutex_);
    ++asked_[what];
  }

 private:
  CudaNode node_;
  mutable std::mutex mutex_;
  std::map<std::string, int> asked_;
};

}  // namespace gpu_smoke::test
