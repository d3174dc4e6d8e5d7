// The seam to a GPU driver: what NVIDIA's management library (NVML) says of the GPUs of this machine right now.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mlctl::validate {

struct GpuReading {
  std::string name;                        // "NVIDIA H200": as the driver says it
  std::optional<std::uint64_t> used;       // bytes of its memory, of everybody
  std::optional<double> busy;              // share of the driver's last interval in which a kernel ran
  std::optional<int> clock, most_clock;    // MHz, of the multiprocessors
  std::map<int, std::uint64_t> processes;  // bytes by pid; without those whose share the driver does not tell
};

struct GpuDriver {
  virtual ~GpuDriver() = default;
  // All GPUs, in the driver's order. Takes milliseconds. What cannot be read of one is missing.
  [[nodiscard]] virtual std::vector<GpuReading> read() = 0;
};

// nullptr: there is no such library, no driver, or no GPU. The library stays loaded.
[[nodiscard]] std::unique_ptr<GpuDriver> open_gpu_driver(const std::string& library);
[[nodiscard]] std::unique_ptr<GpuDriver> open_gpu_driver();  // of this machine

}  // namespace mlctl::validate
