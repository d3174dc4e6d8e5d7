#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <vector>

#include "probes.h"

namespace gpu_smoke {
namespace {

using nvml::Device;

template <class Function>
void bind(void* library, const char* name, Function& function) {
  void* symbol = dlsym(library, name);
  static_assert(sizeof(symbol) == sizeof(function));
  std::memcpy(&function, &symbol, sizeof(symbol));
}

nvml::Api bind_all(void* library) {
  nvml::Api api{};
  bind(library, "nvmlInit_v2", api.init);
  bind(library, "nvmlShutdown", api.shutdown);
  bind(library, "nvmlSystemGetDriverVersion", api.driver_version);
  bind(library, "nvmlSystemGetNVMLVersion", api.nvml_version);
  bind(library, "nvmlDeviceGetCount_v2", api.device_count);
  bind(library, "nvmlDeviceGetHandleByIndex_v2", api.device_by_index);
  bind(library, "nvmlDeviceGetName", api.name);
  bind(library, "nvmlDeviceGetUUID", api.uuid);
  bind(library, "nvmlDeviceGetPciInfo_v3", api.pci_info);
  bind(library, "nvmlDeviceGetMigMode", api.mig_mode);
  bind(library, "nvmlDeviceGetEccMode", api.ecc_mode);
  bind(library, "nvmlDeviceGetTotalEccErrors", api.ecc_errors);
  bind(library, "nvmlDeviceGetRemappedRows", api.remapped_rows);
  bind(library, "nvmlDeviceGetRetiredPages", api.retired_pages);
  bind(library, "nvmlDeviceGetRetiredPagesPendingStatus", api.retired_pages_pending);
  bind(library, "nvmlDeviceGetFieldValues", api.field_values);
  bind(library, "nvmlDeviceGetTemperature", api.temperature);
  bind(library, "nvmlDeviceGetTemperatureThreshold", api.temperature_threshold);
  bind(library, "nvmlDeviceGetCurrentClocksEventReasons", api.clocks_event_reasons);
  bind(library, "nvmlDeviceGetSramEccErrorStatus", api.sram_status);
  bind(library, "nvmlDeviceValidateInforom", api.validate_inforom);
  bind(library, "nvmlDeviceGetCurrPcieLinkGeneration", api.pcie_generation);
  bind(library, "nvmlDeviceGetCurrPcieLinkWidth", api.pcie_width);
  bind(library, "nvmlDeviceGetMaxPcieLinkGeneration", api.pcie_max_generation);
  bind(library, "nvmlDeviceGetMaxPcieLinkWidth", api.pcie_max_width);
  bind(library, "nvmlDeviceGetPcieReplayCounter", api.pcie_replays);
  bind(library, "nvmlDeviceGetPowerUsage", api.power);
  bind(library, "nvmlDeviceGetEnforcedPowerLimit", api.power_limit);
  bind(library, "nvmlDeviceGetPowerManagementDefaultLimit", api.power_default_limit);
  bind(library, "nvmlDeviceGetClockInfo", api.clock);
  bind(library, "nvmlDeviceGetMaxClockInfo", api.max_clock);
  bind(library, "nvmlDeviceGetComputeRunningProcesses_v3", api.compute_processes);
  if (api.clocks_event_reasons == nullptr) {  // its name before driver 535
    bind(library, "nvmlDeviceGetCurrentClocksThrottleReasons", api.clocks_event_reasons);
  }
  return api;
}

template <class Function, class... Arguments>
int call(Function function, Arguments... arguments) {
  return function == nullptr ? static_cast<int>(nvml::kFunctionNotFound) : function(arguments...);
}

template <class Function, class... Arguments>
std::string read_text(Function function, Arguments... arguments) {
  char buffer[96] = {};
  if (call(function, arguments..., buffer, static_cast<unsigned>(sizeof(buffer))) != nvml::kSuccess) return {};
  return printable(buffer, sizeof(buffer));
}

Reading<bool> read_flag(int (*function)(Device, int*, int*), Device device) {
  int current = 0;
  int pending = 0;
  const int code = call(function, device, &current, &pending);
  return {code, current != 0};
}

Reading<RemappedRows> read_remapped_rows(const nvml::Api& api, Device device) {
  unsigned correctable = 0;
  unsigned uncorrectable = 0;
  unsigned pending = 0;
  unsigned failure = 0;
  const int code = call(api.remapped_rows, device, &correctable, &uncorrectable, &pending, &failure);
  return {code, {correctable, uncorrectable, pending != 0, failure != 0}};
}

// Asked for the count only: NVML answers "insufficient size" with the count when there are any pages.
int count_retired(const nvml::Api& api, Device device, int cause, unsigned& count) {
  count = 0;
  const int code = call(api.retired_pages, device, cause, &count, static_cast<unsigned long long*>(nullptr));
  return code == nvml::kInsufficientSize ? static_cast<int>(nvml::kSuccess) : code;
}

Reading<RetiredPages> read_retired_pages(const nvml::Api& api, Device device) {
  Reading<RetiredPages> reading;
  reading.code = count_retired(api, device, nvml::kRetiredMultipleSingleBit, reading.value.multiple_single_bit);
  if (!reading.ok()) return reading;
  reading.code = count_retired(api, device, nvml::kRetiredDoubleBit, reading.value.double_bit);
  if (!reading.ok()) return reading;
  int pending = 0;
  reading.code = call(api.retired_pages_pending, device, &pending);
  reading.value.pending = pending != 0;
  return reading;
}

Reading<nvml::Value> read_field(const nvml::Api& api, Device device, unsigned id) {
  nvml::FieldValue field{};
  field.field_id = id;
  const int code = call(api.field_values, device, 1, &field);
  if (code != nvml::kSuccess) return {code, {}};
  return {field.code, field.value};
}

template <class Function, class... Arguments>
Reading<unsigned> read_number(Function function, Arguments... arguments) {
  Reading<unsigned> reading;
  reading.code = call(function, arguments..., &reading.value);
  return reading;
}

Reading<std::uint64_t> read_ecc(const nvml::Api& api, Device device, int type) {
  unsigned long long count = 0;
  const int code = call(api.ecc_errors, device, type, nvml::kEccVolatile, &count);
  return {code, count};
}

// Counted only: NVML answers "insufficient size" with the count when there are any.
Reading<unsigned> count_processes(const nvml::Api& api, Device device) {
  Reading<unsigned> reading;
  reading.code = call(api.compute_processes, device, &reading.value, static_cast<void*>(nullptr));
  if (reading.code == nvml::kInsufficientSize) reading.code = nvml::kSuccess;
  return reading;
}

Reading<bool> read_sram(const nvml::Api& api, Device device) {
  nvml::SramStatus status{};
  status.version = nvml::kSramStatusVersion;
  const int code = call(api.sram_status, device, &status);
  return {code, status.threshold_exceeded != 0};
}

class NvmlLibrary final : public Nvml {
 public:
  NvmlLibrary() = default;
  NvmlLibrary(const NvmlLibrary&) = delete;
  NvmlLibrary& operator=(const NvmlLibrary&) = delete;
  // The library stays loaded: unloading a driver library whose threads may still run gains nothing.
  ~NvmlLibrary() override {
    if (initialised_) call(api_.shutdown);
  }

  NvmlNode open() override {
    NvmlNode node;
    void* library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      const char* why = dlerror();
      node.load_error = printable(why != nullptr ? why : "libnvidia-ml.so.1 cannot be loaded", 300);
      return node;
    }
    api_ = bind_all(library);
    node.init_code = call(api_.init);
    if (node.init_code != nvml::kSuccess) return node;
    initialised_ = true;
    node.driver_version = read_text(api_.driver_version);
    node.nvml_version = read_text(api_.nvml_version);
    unsigned count = 0;
    node.count_code = call(api_.device_count, &count);
    for (unsigned index = 0; node.count_code == nvml::kSuccess && index < count; ++index) {
      node.gpus.push_back(describe(index));
    }
    return node;
  }

  Health read_health(unsigned index) override {
    Health health;
    if (index >= devices_.size() || devices_[index] == nullptr) return health;
    Device device = devices_[index];
    unsigned mig = 0;
    unsigned mig_pending = 0;
    health.mig_enabled.code = call(api_.mig_mode, device, &mig, &mig_pending);
    health.mig_enabled.value = mig != 0;
    health.ecc_enabled = read_flag(api_.ecc_mode, device);
    health.ecc_uncorrected = read_ecc(api_, device, nvml::kEccUncorrected);
    health.ecc_corrected = read_ecc(api_, device, nvml::kEccCorrected);
    health.sram_threshold_exceeded = read_sram(api_, device);
    health.remapped_rows = read_remapped_rows(api_, device);
    health.retired_pages = read_retired_pages(api_, device);
    const auto action = read_field(api_, device, nvml::kFieldRecoveryAction);
    health.recovery_action = {action.code, action.value.as_unsigned};
    health.temperature_celsius = read_number(api_.temperature, device, nvml::kTemperatureGpu);
    health.slowdown_celsius = read_number(api_.temperature_threshold, device, nvml::kThresholdSlowdown);
    health.shutdown_celsius = read_number(api_.temperature_threshold, device, nvml::kThresholdShutdown);
    unsigned long long reasons = 0;
    health.clocks_event_reasons.code = call(api_.clocks_event_reasons, device, &reasons);
    health.clocks_event_reasons.value = reasons;
    health.pcie_replays = read_number(api_.pcie_replays, device);
    health.power_mw = read_number(api_.power, device);
    health.compute_processes = count_processes(api_, device);
    return health;
  }

  NvmlFacts read_facts(unsigned index) override {
    NvmlFacts facts;
    if (index >= devices_.size() || devices_[index] == nullptr) return facts;
    Device device = devices_[index];
    const int inforom = call(api_.validate_inforom, device);
    facts.inforom_valid.value = inforom != nvml::kCorruptedInforom;
    facts.inforom_valid.code = facts.inforom_valid.value ? inforom : static_cast<int>(nvml::kSuccess);
    facts.pcie_max_generation = read_number(api_.pcie_max_generation, device);
    facts.pcie_max_width = read_number(api_.pcie_max_width, device);
    facts.power_limit_mw = read_number(api_.power_limit, device);
    facts.power_default_limit_mw = read_number(api_.power_default_limit, device);
    facts.sm_max_mhz = read_number(api_.max_clock, device, nvml::kClockSm);
    return facts;
  }

  Sample sample(unsigned index) override {
    Sample sample;
    if (index >= devices_.size() || devices_[index] == nullptr) return sample;
    Device device = devices_[index];
    unsigned long long reasons = 0;
    sample.clocks_event_reasons.code = call(api_.clocks_event_reasons, device, &reasons);
    sample.clocks_event_reasons.value = reasons;
    sample.power_mw = read_number(api_.power, device);
    sample.temperature_celsius = read_number(api_.temperature, device, nvml::kTemperatureGpu);
    sample.sm_mhz = read_number(api_.clock, device, nvml::kClockSm);
    sample.pcie_generation = read_number(api_.pcie_generation, device);
    sample.pcie_width = read_number(api_.pcie_width, device);
    const auto heat = read_field(api_, device, nvml::kFieldHwThermalNs);
    sample.hw_thermal_ns = {heat.code, heat.value.as_unsigned_long_long};
    const auto brake = read_field(api_, device, nvml::kFieldPowerBrakeNs);
    sample.power_brake_ns = {brake.code, brake.value.as_unsigned_long_long};
    return sample;
  }

 private:
  NvmlGpu describe(unsigned index) {
    NvmlGpu gpu;
    gpu.index = index;
    Device device = nullptr;
    gpu.handle_code = call(api_.device_by_index, index, &device);
    devices_.push_back(gpu.handle_code == nvml::kSuccess ? device : nullptr);
    if (gpu.handle_code != nvml::kSuccess) return gpu;
    gpu.name = read_text(api_.name, device);
    gpu.uuid = read_text(api_.uuid, device);
    nvml::PciInfo pci{};
    if (call(api_.pci_info, device, &pci) == nvml::kSuccess) {
      char text[32];
      std::snprintf(text, sizeof(text), "%08x:%02x:%02x", pci.domain, pci.bus, pci.device);
      gpu.pci_bus_id = text;
    }
    return gpu;
  }

  nvml::Api api_{};
  bool initialised_ = false;
  std::vector<Device> devices_;
};

}  // namespace

std::unique_ptr<Nvml> make_nvml() {
  return std::make_unique<NvmlLibrary>();
}

std::string normal_bus_id(const std::string& text) {
  unsigned domain = 0;
  unsigned bus = 0;
  unsigned device = 0;
  if (std::sscanf(text.c_str(), "%8x:%2x:%2x", &domain, &bus, &device) != 3) return {};
  char normal[32];
  std::snprintf(normal, sizeof(normal), "%08x:%02x:%02x", domain, bus, device);
  return normal;
}

std::string printable(const char* text, std::size_t limit) {
  std::string result;
  for (std::size_t i = 0; i < limit && text[i] != '\0'; ++i) {
    result += text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
  }
  return result;
}

}  // namespace gpu_smoke
