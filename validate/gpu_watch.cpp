#include "validate/gpu_watch.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <unistd.h>

namespace mlctl::validate {
namespace {

constexpr double gibibyte = 1024.0 * 1024.0 * 1024.0;
constexpr std::size_t most_points = 1000;
constexpr std::size_t most_drawn = 8;          // GPUs
constexpr std::size_t most_samples = 100'000;  // more than five hours

std::size_t index_of(Arm arm) {
  return static_cast<std::size_t>(arm);
}

std::optional<std::uint64_t> most_held(const std::vector<GpuSample>& samples, Arm arm) {
  std::optional<std::uint64_t> out;
  for (const auto& sample : samples)
    if (const auto& held = sample.held[index_of(arm)]) out = std::max(out.value_or(0), *held);
  return out;
}

struct Mean {
  double sum = 0;
  std::size_t count = 0;
  void add(double value) {
    sum += value;
    ++count;
  }
  [[nodiscard]] double value() const { return sum / static_cast<double>(count); }
};

using Value = std::function<std::optional<double>(const GpuSample&)>;

Series series_of(const std::vector<GpuSample>& samples, Series out, const Value& value) {
  out.x_label = "seconds since start";
  const auto every = samples.size() / most_points + 1;
  for (std::size_t i = 0; i < samples.size(); i += every)
    if (const auto y = value(samples[i]))
      out.points.push_back({std::chrono::duration<double>(samples[i].at).count(), *y});
  return out;
}

Value held_by(Arm arm) {
  return [arm](const GpuSample& sample) {
    const auto& held = sample.held[index_of(arm)];
    return held ? std::optional(static_cast<double>(*held) / gibibyte) : std::nullopt;
  };
}

// Of one GPU, whoever uses it.
Series series_of_gpu(const std::vector<GpuSample>& samples, std::size_t gpu, const std::string& title,
                     const std::string& unit, const std::function<std::optional<double>(const GpuReading&)>& value) {
  const Series named{
      .title = title, .arm = "", .name = "gpu " + std::to_string(gpu), .unit = unit, .x_label = {}, .points = {}};
  return series_of(samples, named, [&](const GpuSample& sample) {
    return gpu < sample.gpus.size() ? value(sample.gpus[gpu]) : std::nullopt;
  });
}

Metric metric_of(const std::string& name, std::uint64_t bytes, std::size_t samples) {
  Metric out;
  out.name = name;
  out.value = static_cast<double>(bytes) / gibibyte;
  out.unit = "GiB";
  out.samples = samples;
  out.note = "the most at once, of all GPUs together";
  return out;
}

}  // namespace

struct GpuWatch::State {
  GpuDriver& driver;
  std::array<int, 2> sessions;
  std::vector<GpuSample> samples = {};
  std::mutex mutex = {};
  std::condition_variable stop = {};
  bool stopped = false;
  std::thread thread = {};

  void run() {
    const auto start = std::chrono::steady_clock::now();
    std::unique_lock lock(mutex);
    for (auto next = start; samples.size() < most_samples;) {  // one at least
      lock.unlock();
      const auto at = std::chrono::steady_clock::now() - start;
      auto sample = gpu_sample(at, driver.read(), sessions, [](int pid) { return static_cast<int>(::getsid(pid)); });
      for (auto& gpu : sample.gpus) gpu.processes.clear();  // they are summed up
      lock.lock();
      samples.push_back(std::move(sample));
      next = std::max(next + gpu_sample_every, std::chrono::steady_clock::now());  // a slow driver is not asked faster
      if (stop.wait_until(lock, next, [this] { return stopped; })) break;
    }
  }
};

GpuSample gpu_sample(Duration at, std::vector<GpuReading> gpus, const std::array<int, 2>& sessions,
                     const std::function<int(int)>& session_of) {
  GpuSample out{.at = at, .gpus = std::move(gpus), .held = {}};
  for (const auto& gpu : out.gpus)
    for (const auto& [pid, bytes] : gpu.processes) {
      const int session = session_of(pid);
      for (std::size_t arm = 0; arm < sessions.size(); ++arm)
        if (sessions[arm] > 0 && session == sessions[arm]) out.held[arm] = out.held[arm].value_or(0) + bytes;
    }
  return out;
}

GpuWatch::GpuWatch(GpuDriver& driver, std::array<int, 2> sessions) : state_(std::make_unique<State>(driver, sessions)) {
  state_->thread = std::thread([state = state_.get()] { state->run(); });
}

GpuWatch::~GpuWatch() {
  static_cast<void>(end());
}

std::vector<GpuSample> GpuWatch::end() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopped = true;
  }
  state_->stop.notify_all();
  if (state_->thread.joinable()) state_->thread.join();
  return std::move(state_->samples);
}

std::map<std::string, std::string> gpu_conditions(const std::vector<GpuSample>& samples) {
  std::map<std::string, std::string> out;
  if (samples.empty()) return out;
  for (std::size_t gpu = 0; gpu < samples.front().gpus.size(); ++gpu) {
    Mean busy, clock;
    int most_clock = 0;
    for (const auto& sample : samples) {
      if (gpu >= sample.gpus.size()) continue;
      const auto& reading = sample.gpus[gpu];
      if (reading.busy) busy.add(*reading.busy);
      if (reading.clock) clock.add(*reading.clock);
      most_clock = std::max(most_clock, reading.most_clock.value_or(0));
    }
    auto& text = out["gpu " + std::to_string(gpu)];
    text = samples.front().gpus[gpu].name;
    if (busy.count > 0) text += ", " + number_text(busy.value() * 100, "%") + " busy";
    if (clock.count > 0)
      text += ", " + number_text(clock.value()) + (most_clock > 0 ? " of " + number_text(most_clock) : "") + " MHz";
  }
  return out;
}

std::vector<Series> gpu_series(const std::vector<GpuSample>& samples, bool compare) {
  std::vector<Series> all;
  for (const Arm arm : {Arm::candidate, Arm::baseline}) {
    if (arm == Arm::baseline && !compare) continue;
    all.push_back(series_of(samples,
                            {.title = "GPU memory of each version",
                             .arm = to_string(arm),
                             .name = to_string(arm),
                             .unit = "GiB",
                             .x_label = {},
                             .points = {}},
                            held_by(arm)));
  }
  std::size_t gpus = 0;
  for (const auto& sample : samples) gpus = std::min(std::max(gpus, sample.gpus.size()), most_drawn);
  for (std::size_t gpu = 0; gpu < gpus; ++gpu) {
    all.push_back(series_of_gpu(samples, gpu, "GPU memory in use", "GiB", [](const GpuReading& one) {
      return one.used ? std::optional(static_cast<double>(*one.used) / gibibyte) : std::nullopt;
    }));
    all.push_back(series_of_gpu(samples, gpu, "GPU busy", "%", [](const GpuReading& one) {
      return one.busy ? std::optional(*one.busy * 100) : std::nullopt;
    }));
    all.push_back(series_of_gpu(samples, gpu, "GPU clock", "MHz", [](const GpuReading& one) {
      return one.clock ? std::optional<double>(*one.clock) : std::nullopt;
    }));
  }
  std::erase_if(all, [](const Series& one) { return one.points.empty(); });
  std::stable_sort(all.begin(), all.end(),
                   [](const Series& one, const Series& other) { return one.title < other.title; });
  return all;
}

Check judge_gpu_memory(const GpuMemoryConfig& config, const std::vector<GpuSample>& samples, bool compare) {
  Check out{.name = "gpu.memory", .verdict = Verdict::pass, .reason = {}, .findings = {}, .metrics = {}};
  const auto decide = [&](Verdict verdict, const std::string& why) {
    out.verdict = verdict;
    out.reason = why;
    return out;
  };
  const auto candidate = most_held(samples, Arm::candidate);
  if (!candidate)
    return decide(Verdict::inconclusive,
                  "the driver names no process of the candidate's server: it uses no GPU, or the driver counts pids of "
                  "another namespace");
  out.metrics.push_back(metric_of("memory candidate", *candidate, samples.size()));
  const auto held = "it holds " + human_bytes(*candidate);
  if (config.limit > 0) out.metrics.back().limit = config.limit / gibibyte;
  if (config.limit > 0 && static_cast<double>(*candidate) > config.limit)
    return decide(Verdict::fail,
                  held + ", more than the limit of " + human_bytes(static_cast<std::uint64_t>(config.limit)));
  if (!config.more) return decide(Verdict::pass, held);
  if (!compare)
    return config.limit > 0 ? decide(Verdict::pass, held) : decide(Verdict::skipped, std::string(first_version));
  const auto baseline = most_held(samples, Arm::baseline);
  if (!baseline || *baseline == 0)
    return decide(Verdict::inconclusive, held + ", and the baseline's server nothing that the driver tells of");
  out.metrics.push_back(metric_of("memory baseline", *baseline, samples.size()));
  const double ratio = static_cast<double>(*candidate) / static_cast<double>(*baseline);
  Metric compared;
  compared.name = "memory ratio";
  compared.value = ratio;
  compared.limit = 1 + *config.more;
  compared.samples = samples.size();
  out.metrics.push_back(compared);
  const auto text = held + ", the baseline " + human_bytes(*baseline) + " (" + number_text((ratio - 1) * 100, "%") +
                    (ratio >= 1 ? " more)" : ")");
  return ratio > 1 + *config.more
             ? decide(Verdict::fail, text + ": more than " + number_text(*config.more * 100, "%") + " above it")
             : decide(Verdict::pass, text);
}

}  // namespace mlctl::validate
