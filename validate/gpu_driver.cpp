// NVML by dlopen: mlctl runs where no driver is. Layouts and numbers are NVIDIA's published ABI (nvml.h, NVML 12).
#include "validate/gpu_driver.h"

#include <algorithm>
#include <array>
#include <dlfcn.h>

namespace mlctl::validate {
namespace {

using Device = struct nvmlDevice_st*;

constexpr int success = 0, insufficient_size = 7;
constexpr int clock_sm = 1;
constexpr unsigned most_gpus = 64, most_processes = 1024;

struct Memory {  // nvmlMemory_t
  unsigned long long total, free, used;
};
struct Utilization {  // nvmlUtilization_t
  unsigned gpu, memory;
};
struct Process {  // nvmlProcessInfo_t, as the functions of version 3 fill it
  unsigned pid;
  unsigned long long used;
  unsigned gpu_instance, compute_instance;
};
constexpr unsigned long long not_told = ~0ULL;

struct Api {
  int (*init)();
  int (*shutdown)();
  int (*count)(unsigned*);
  int (*device)(unsigned, Device*);
  int (*name)(Device, char*, unsigned);
  int (*memory)(Device, Memory*);
  int (*utilization)(Device, Utilization*);
  int (*clock)(Device, int, unsigned*);
  int (*most_clock)(Device, int, unsigned*);
  int (*processes)(Device, unsigned*, Process*);
};

template <class Function>
bool bind(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));  // as POSIX has it
  return function != nullptr;
}

// Every function has been there since driver 510 (2022).
std::optional<Api> bind_all(void* library) {
  Api api{};
  const bool all =
      bind(library, "nvmlInit_v2", api.init) && bind(library, "nvmlShutdown", api.shutdown) &&
      bind(library, "nvmlDeviceGetCount_v2", api.count) && bind(library, "nvmlDeviceGetHandleByIndex_v2", api.device) &&
      bind(library, "nvmlDeviceGetName", api.name) && bind(library, "nvmlDeviceGetMemoryInfo", api.memory) &&
      bind(library, "nvmlDeviceGetUtilizationRates", api.utilization) &&
      bind(library, "nvmlDeviceGetClockInfo", api.clock) &&
      bind(library, "nvmlDeviceGetMaxClockInfo", api.most_clock) &&
      bind(library, "nvmlDeviceGetComputeRunningProcesses_v3", api.processes);
  return all ? std::optional(api) : std::nullopt;
}

class Nvml final : public GpuDriver {
 public:
  Nvml(const Api& api, std::vector<Device> devices) : api_(api), devices_(std::move(devices)) {}
  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;
  ~Nvml() override { api_.shutdown(); }

  std::vector<GpuReading> read() override {
    std::vector<GpuReading> out;
    for (Device device : devices_) out.push_back(read(device));
    return out;
  }

 private:
  [[nodiscard]] GpuReading read(Device device) const {
    GpuReading out;
    std::array<char, 96> name{};
    if (api_.name(device, name.data(), name.size() - 1) == success) out.name = name.data();
    Memory memory{};
    if (api_.memory(device, &memory) == success) out.used = memory.used;
    Utilization utilization{};
    if (api_.utilization(device, &utilization) == success) out.busy = std::min(utilization.gpu, 100U) / 100.0;
    out.clock = clock_by(api_.clock, device);
    out.most_clock = clock_by(api_.most_clock, device);
    for (const auto& process : processes_of(device))
      if (process.used != not_told) out.processes[static_cast<int>(process.pid)] += process.used;
    return out;
  }

  static std::optional<int> clock_by(int (*function)(Device, int, unsigned*), Device device) {
    unsigned megahertz = 0;
    if (function(device, clock_sm, &megahertz) != success || megahertz > 100'000) return std::nullopt;
    return static_cast<int>(megahertz);
  }

  [[nodiscard]] std::vector<Process> processes_of(Device device) const {
    std::vector<Process> out(64);
    for (int tries = 0; tries < 3; ++tries) {
      auto count = static_cast<unsigned>(out.size());
      const int code = api_.processes(device, &count, out.data());
      if (code == success) {
        out.resize(std::min<std::size_t>(count, out.size()));
        return out;
      }
      if (code != insufficient_size) break;
      out.resize(std::min(count + 64, most_processes));  // some may start meanwhile
    }
    return {};
  }

  Api api_;
  std::vector<Device> devices_;
};

}  // namespace

std::unique_ptr<GpuDriver> open_gpu_driver(const std::string& library) {
  void* loaded = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (loaded == nullptr) return nullptr;
  const auto api = bind_all(loaded);
  if (!api || api->init() != success) return nullptr;
  std::vector<Device> devices;
  unsigned count = 0;
  if (api->count(&count) == success)
    for (unsigned i = 0; i < std::min(count, most_gpus); ++i)
      if (Device device = nullptr; api->device(i, &device) == success) devices.push_back(device);
  if (devices.empty()) {
    api->shutdown();
    return nullptr;
  }
  return std::make_unique<Nvml>(*api, std::move(devices));
}

std::unique_ptr<GpuDriver> open_gpu_driver() {
  return open_gpu_driver("libnvidia-ml.so.1");
}

}  // namespace mlctl::validate
