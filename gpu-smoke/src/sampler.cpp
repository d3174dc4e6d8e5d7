#include "sampler.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace gpu_smoke {
namespace {

// `index`: of this sample. One that could not be read repeats the mean, so that it moves nothing.
void add(Spread& spread, unsigned index, const Reading<unsigned>& reading, double scale) {
  const double value = reading.ok() ? reading.value * scale : spread.mean;
  spread.low = index == 0 ? value : std::min(spread.low, value);
  spread.high = index == 0 ? value : std::max(spread.high, value);
  spread.mean += (value - spread.mean) / (index + 1.0);
}

void keep_highest(Reading<unsigned>& best, const Reading<unsigned>& reading) {
  if (!best.ok()) best = reading;
  if (reading.ok()) best.value = std::max(best.value, reading.value);
}

Reading<std::uint64_t> growth(const Reading<std::uint64_t>& first, const Reading<std::uint64_t>& last) {
  if (!first.ok()) return first;
  if (!last.ok()) return last;
  return {nvml::kSuccess, last.value >= first.value ? last.value - first.value : 0};
}

}  // namespace

void add_sample(Samples& samples, const Sample& sample) {
  const unsigned index = samples.count++;
  const std::uint64_t reasons = sample.clocks_event_reasons.ok() ? sample.clocks_event_reasons.value : 0;
  samples.hw_thermal_count += (reasons & nvml::kReasonHwThermal) != 0;
  samples.power_brake_count += (reasons & nvml::kReasonHwPowerBrake) != 0;
  samples.power_cap_count += (reasons & nvml::kReasonSwPowerCap) != 0;
  add(samples.power_watts, index, sample.power_mw, 1e-3);
  add(samples.temperature_celsius, index, sample.temperature_celsius, 1);
  add(samples.sm_mhz, index, sample.sm_mhz, 1);
  keep_highest(samples.pcie_generation, sample.pcie_generation);
  keep_highest(samples.pcie_width, sample.pcie_width);
}

Samples sample_during(Nvml& nvml, std::optional<unsigned> index, const std::function<void()>& work,
                      std::chrono::milliseconds period) {
  Samples samples;
  if (!index) {
    work();
    return samples;
  }
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  const Sample first = nvml.sample(*index);
  std::mutex mutex;
  std::condition_variable stopped;
  bool stop = false;
  std::thread watcher([&] {
    std::unique_lock lock(mutex);
    while (!stopped.wait_for(lock, period, [&stop] { return stop; })) add_sample(samples, nvml.sample(*index));
  });
  work();
  {
    const std::lock_guard lock(mutex);
    stop = true;
  }
  stopped.notify_one();
  watcher.join();
  const Sample last = nvml.sample(*index);
  add_sample(samples, last);
  samples.window_ns = static_cast<std::uint64_t>(std::chrono::nanoseconds(Clock::now() - start).count());
  samples.hw_thermal_ns = growth(first.hw_thermal_ns, last.hw_thermal_ns);
  samples.power_brake_ns = growth(first.power_brake_ns, last.power_brake_ns);
  return samples;
}

}  // namespace gpu_smoke
