// What the servers of a gate do with the GPUs of this machine while load is on them: sampled, summed up, judged.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "validate/gate_config.h"
#include "validate/gpu_driver.h"
#include "validate/report.h"
#include "validate/schedule.h"

namespace mlctl::validate {

inline constexpr Duration gpu_sample_every = std::chrono::milliseconds(200);

struct GpuSample {
  Duration at{};  // since the watch began
  std::vector<GpuReading> gpus;
  std::array<std::optional<std::uint64_t>, 2> held;  // bytes on all GPUs, by arm; nullopt: no process of it is named
};
// `sessions`: the server of each arm, with all that it started; 0: there is none. `session_of`: of a pid, as getsid(2).
[[nodiscard]] GpuSample gpu_sample(Duration at, std::vector<GpuReading> gpus, const std::array<int, 2>& sessions,
                                   const std::function<int(int)>& session_of);

// Samples from here to `end`, on a thread of its own.
class GpuWatch {
 public:
  GpuWatch(GpuDriver& driver, std::array<int, 2> sessions);
  ~GpuWatch();
  GpuWatch(const GpuWatch&) = delete;
  GpuWatch& operator=(const GpuWatch&) = delete;
  [[nodiscard]] std::vector<GpuSample> end();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// "gpu 0": "NVIDIA H200, 62 % busy, 1,740 of 1,980 MHz": means over the samples, for the report's machine.
[[nodiscard]] std::map<std::string, std::string> gpu_conditions(const std::vector<GpuSample>& samples);
// Over time: the memory of each arm, where the driver tells; and of each GPU the memory that is in use, how busy it is,
// and its clock.
[[nodiscard]] std::vector<Series> gpu_series(const std::vector<GpuSample>& samples, bool compare);
// "gpu.memory": the most that the candidate held at once, against the limit and the baseline's. Where it was not told,
// or the baseline holds nothing, there is no pass.
[[nodiscard]] Check judge_gpu_memory(const GpuMemoryConfig& config, const std::vector<GpuSample>& samples,
                                     bool compare);

}  // namespace mlctl::validate
