#include "observe.h"

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "kernel_log.h"
#include "sampler.h"

namespace gpu_smoke {
namespace {

constexpr int kWideLimit = 63;  // operands of the sustained product: nearly all bits toggle, sums stay exact

constexpr std::chrono::milliseconds kTransferPeriod(10);  // a fast link is busy for tens of milliseconds

struct Problems {
  GemmProblem ternary;
  GemmProblem wide;
};

class Observer {
 public:
  Observer(Nvml& nvml, Cuda& cuda, const ObserveOptions& options, Board& board)
      : nvml_(nvml), cuda_(cuda), options_(options), board_(board) {}

  void run() {
    const std::uint64_t log_position = kernel_log_position(options_.kernel_log);
    open();
    if (ordinals_.size() > 0 && prepare()) work();
    board_.now(-1, "health");
    read_health(&NvmlGpu::after);
    KernelLog log = read_kernel_log(options_.kernel_log, log_position);
    board_.change([&](Evidence& e) { e.kernel_log = std::move(log); });
  }

 private:
  using Step = std::function<void(int ordinal)>;

  void open() {
    board_.now(-1, "driver");
    const bool built = cuda_.built();
    board_.change([&](Evidence& e) {
      e.level = options_.level;
      e.visible_devices_set = std::getenv("CUDA_VISIBLE_DEVICES") != nullptr;
      e.cuda.built = built;
    });
    const NvmlNode node = nvml_.open();
    board_.change([&](Evidence& e) { e.nvml = node; });
    read_health(&NvmlGpu::before);
    for (std::size_t i = 0; options_.level != Level::quick && i < node.gpus.size(); ++i) {
      const NvmlFacts facts = nvml_.read_facts(node.gpus[i].index);
      board_.change([&](Evidence& e) { e.nvml.gpus[i].facts = facts; });
    }
    const CudaNode opened = cuda_.open();
    board_.change([&](Evidence& e) { e.cuda = opened; });
    for (const auto& gpu : opened.gpus) ordinals_.push_back(gpu.ordinal);
    nvml_index_.resize(ordinals_.size());
    for (std::size_t i = 0; i < opened.gpus.size(); ++i) {
      for (const auto& side : node.gpus) {
        if (!side.pci_bus_id.empty() && side.pci_bus_id == opened.gpus[i].pci_bus_id) nvml_index_[i] = side.index;
      }
    }
  }

  void read_health(Health NvmlGpu::* when) {
    for (const auto& gpu : board_.evidence().nvml.gpus) {
      const Health health = nvml_.read_health(gpu.index);
      board_.change([&](Evidence& e) { e.nvml.gpus[gpu.index].*when = health; });
    }
  }

  // False when the CPU itself computed wrongly: then no GPU is judged by its reference.
  bool prepare() {
    board_.now(-1, "reference");
    const int size = options_.gemm_size;
    problems_.ternary = make_gemm_problem(size, size, options_.gemm_depth, options_.seed);
    bool verified = verify_reference(problems_.ternary, options_.seed + 1);
    if (options_.level != Level::quick) {
      problems_.wide = make_gemm_problem(size, size, options_.gemm_depth, options_.seed + 2, kWideLimit);
      verified = verify_reference(problems_.wide, options_.seed + 3) && verified;
    }
    board_.change([&](Evidence& e) {
      e.reference_computed = true;
      e.reference_verified = verified;
    });
    return verified;
  }

  void work() {
    on_all("first kernel", [this](int gpu) {
      keep(gpu, &CudaGpu::context, cuda_.start(gpu));
      keep(gpu, &CudaGpu::gemm, cuda_.run_gemm(gpu, problems_.ternary));
    });
    if (options_.level == Level::quick) return;
    start_cool();
    on_all("memory", [this](int gpu) { keep(gpu, &CudaGpu::memory, cuda_.test_memory(gpu)); });
    on_all("exact products", [this](int gpu) { run_exact(gpu); });
    on_all("transfers", [this](int gpu) { measure_transfers(gpu); });
    measure_peers();
    on_all("speed", [this](int gpu) { measure_speeds(gpu); });
    retry();
    on_all("sustained load", [this](int gpu) { sustain(gpu); });
  }

  [[nodiscard]] bool is_hot() const {
    for (const auto& index : nvml_index_) {
      const auto reasons = index ? nvml_.sample(*index).clocks_event_reasons : Reading<std::uint64_t>{};
      if (reasons.ok() && (reasons.value & (nvml::kReasonSwThermal | nvml::kReasonHwThermal)) != 0) return true;
    }
    return false;
  }

  // What ran before us may have left the GPUs hot: that is waited for, a little, and not held against them.
  void start_cool() {
    board_.now(-1, "waiting for a cool start");
    constexpr double kLookSeconds = 0.1;
    double waited = 0;
    for (; waited < options_.cool_down_seconds && is_hot(); waited += kLookSeconds) {
      std::this_thread::sleep_for(std::chrono::duration<double>(kLookSeconds));
    }
    board_.change([&](Evidence& e) { e.cool_start_s = waited; });
  }

  // One thread per GPU, released together, so that the node's power and cooling see all of them at once.
  void on_all(const std::string& name, const Step& step) {
    std::barrier<> start(static_cast<std::ptrdiff_t>(ordinals_.size()));
    std::vector<std::thread> threads;
    for (const int ordinal : ordinals_) {
      threads.emplace_back([&, ordinal] {
        start.arrive_and_wait();
        board_.now(ordinal, name);
        step(ordinal);
        board_.now(ordinal, "");
      });
    }
    for (auto& thread : threads) thread.join();
  }

  template <class T>
  void keep(int gpu, T CudaGpu::* place, T result) {
    board_.change([&](Evidence& e) { e.cuda.gpus[static_cast<std::size_t>(gpu)].*place = std::move(result); });
  }

  void run_exact(int gpu) {
    for (const auto& type : kDataTypes) {
      GemmRun run = cuda_.run_exact(gpu, type.type, problems_.ternary);
      board_.change([&](Evidence& e) {
        auto& runs = e.cuda.gpus[static_cast<std::size_t>(gpu)].exact;
        // In a burn-in each type runs many times: the first result that is not right stays.
        const auto same = [&run](const GemmRun& r) { return r.type == run.type; };
        const auto earlier = std::find_if(runs.begin(), runs.end(), same);
        if (earlier == runs.end()) {
          runs.push_back(run);
        } else if (earlier->code == cuda::kSuccess && earlier->mismatches == 0) {
          *earlier = run;
        }
      });
    }
  }

  // One GPU at a time: eight links at once are limited by the host's memory, and say nothing about a link.
  void measure_transfers(int gpu) {
    const std::lock_guard lock(link_);
    const auto both_ways = [&] {
      keep(gpu, &CudaGpu::host_to_device, cuda_.measure_transfer(gpu, true));
      keep(gpu, &CudaGpu::device_to_host, cuda_.measure_transfer(gpu, false));
    };
    const auto index = nvml_index_[static_cast<std::size_t>(gpu)];
    const Samples samples = sample_during(nvml_, index, both_ways, kTransferPeriod);
    keep_samples(gpu, &NvmlGpu::transfer_samples, samples);
  }

  void keep_samples(int gpu, Samples NvmlGpu::* place, const Samples& samples) {
    const auto index = nvml_index_[static_cast<std::size_t>(gpu)];
    if (!index) return;
    board_.change([&](Evidence& e) { e.nvml.gpus[*index].*place = samples; });
  }

  void measure_peers() {
    board_.now(-1, "peer to peer");
    for (const int from : ordinals_) {
      for (const int to : ordinals_) {
        if (from == to) continue;
        const PeerRun run = cuda_.measure_peer(from, to);
        board_.change([&](Evidence& e) { e.cuda.peers.push_back(run); });
      }
    }
  }

  void measure_speeds(int gpu) {
    keep(gpu, &CudaGpu::copy, cuda_.measure_copy(gpu));
    for (const auto& type : kDataTypes) {
      const SpeedRun run = cuda_.measure_speed(gpu, type.type);
      board_.change([&](Evidence& e) { e.cuda.gpus[static_cast<std::size_t>(gpu)].speeds.push_back(run); });
    }
  }

  void retry() {
    const auto low = options_.low_metrics(board_.evidence());
    if (low.empty()) return;
    board_.now(-1, "cooling down");
    std::this_thread::sleep_for(std::chrono::duration<double>(options_.cool_down_seconds));
    board_.change([&](Evidence& e) { e.cool_down_s = options_.cool_down_seconds; });
    on_all("speed again", [&](int gpu) {
      for (const auto& metric : low) {
        if (metric.ordinal == gpu) measure_again(metric);
      }
    });
  }

  void measure_again(const LowMetric& metric) {
    const int gpu = metric.ordinal;
    if (metric.kind == MetricKind::gemm) {
      const SpeedRun again = cuda_.measure_speed(gpu, metric.type);
      board_.change([&](Evidence& e) {
        for (auto& run : e.cuda.gpus[static_cast<std::size_t>(gpu)].speeds) {
          if (run.type != metric.type) continue;
          add(run.attempts_tflops, again.attempts_tflops);
          if (again.code != cuda::kSuccess) static_cast<Outcome&>(run) = again;  // a fault is no slow attempt
        }
      });
      return;
    }
    BandwidthRun again;
    if (metric.kind == MetricKind::copy) {
      again = cuda_.measure_copy(gpu);
    } else {
      const std::lock_guard lock(link_);
      again = cuda_.measure_transfer(gpu, metric.kind == MetricKind::host_to_device);
    }
    board_.change([&](Evidence& e) {
      auto& device = e.cuda.gpus[static_cast<std::size_t>(gpu)];
      auto& run = metric.kind == MetricKind::copy             ? device.copy
                  : metric.kind == MetricKind::host_to_device ? device.host_to_device
                                                              : device.device_to_host;
      add(run.attempts_gb_s, again.attempts_gb_s);
      run.wrong_bytes += again.wrong_bytes;  // wrong once is wrong
      if (again.code != cuda::kSuccess) static_cast<Outcome&>(run) = again;
    });
  }

  static void add(std::vector<double>& to, const std::vector<double>& from) {
    to.insert(to.end(), from.begin(), from.end());
  }

  // A burn-in is rounds of load, memory and exact products until its time is over.
  void sustain(int gpu) {
    using Clock = std::chrono::steady_clock;
    const auto start = Clock::now();
    const auto index = nvml_index_[static_cast<std::size_t>(gpu)];
    constexpr double kRoundSeconds = 60;
    const auto left = [&] {
      return options_.sustained_seconds - std::chrono::duration<double>(Clock::now() - start).count();
    };
    const Samples samples = sample_during(nvml_, index, [&] {
      for (double seconds = options_.sustained_seconds; seconds > 0.05; seconds = left()) {
        const SustainedRun run = cuda_.sustain(gpu, std::min(seconds, kRoundSeconds), problems_.wide);
        board_.change([&](Evidence& e) { merge(e.cuda.gpus[static_cast<std::size_t>(gpu)].sustained, run); });
        if (options_.level != Level::burn_in || run.code != cuda::kSuccess) break;
        const MemoryRun memory = cuda_.test_memory(gpu);
        board_.change([&](Evidence& e) {
          auto& kept = e.cuda.gpus[static_cast<std::size_t>(gpu)].memory;
          if (kept.code == cuda::kSuccess && kept.wrong_words == 0) kept = memory;
        });
        run_exact(gpu);
      }
    });
    keep_samples(gpu, &NvmlGpu::sustained_samples, samples);
  }

  static void merge(SustainedRun& total, const SustainedRun& round) {
    SustainedRun sum = round;
    sum.seconds += total.seconds;
    sum.iterations += total.iterations;
    sum.wrong_iterations += total.wrong_iterations;
    sum.mismatches += total.mismatches;
    if (total.wrong_digest != 0) sum.wrong_digest = total.wrong_digest;
    sum.tflops = sum.seconds > 0 ? (total.tflops * total.seconds + round.tflops * round.seconds) / sum.seconds : 0;
    total = std::move(sum);
  }

  Nvml& nvml_;
  Cuda& cuda_;
  const ObserveOptions& options_;
  Board& board_;
  Problems problems_;
  std::vector<int> ordinals_;
  std::vector<std::optional<unsigned>> nvml_index_;  // of each CUDA GPU
  std::mutex link_;
};

}  // namespace

void observe(Nvml& nvml, Cuda& cuda, const ObserveOptions& options, Board& board) {
  Observer(nvml, cuda, options, board).run();
}

}  // namespace gpu_smoke
