// The few declarations of NVML that gpu-smoke calls, so that it builds where no toolkit is.
// Layouts and numbers are NVIDIA's published ABI (nvml.h); tests/nvml_abi_check.cpp holds them against
// the real header wherever one is found.
#pragma once

namespace gpu_smoke::nvml {

using Device = struct nvmlDevice_st*;

enum Code : int {
  kNotAsked = -1,  // ours: the call was never made
  kSuccess = 0,
  kInvalidArgument = 2,
  kNotSupported = 3,
  kNoPermission = 4,
  kInsufficientSize = 7,
  kDriverNotLoaded = 9,
  kFunctionNotFound = 13,
  kCorruptedInforom = 14,
  kGpuIsLost = 15,
  kResetRequired = 16,
  kOperatingSystem = 17,  // in practice: the device is blocked by cgroups
  kVersionMismatch = 18,
};

inline constexpr unsigned kFieldRecoveryAction = 230;
inline constexpr unsigned kFieldHwThermalNs = 270;
inline constexpr unsigned kFieldPowerBrakeNs = 271;
inline constexpr int kClockSm = 1;
inline constexpr int kEccCorrected = 0;
inline constexpr int kTemperatureGpu = 0;
inline constexpr int kThresholdShutdown = 0;
inline constexpr int kThresholdSlowdown = 1;
inline constexpr int kEccUncorrected = 1;
inline constexpr int kEccVolatile = 0;
inline constexpr int kRetiredMultipleSingleBit = 0;
inline constexpr int kRetiredDoubleBit = 1;

inline constexpr unsigned long long kReasonSwPowerCap = 0x4;
inline constexpr unsigned long long kReasonHwSlowdown = 0x8;
inline constexpr unsigned long long kReasonSwThermal = 0x20;
inline constexpr unsigned long long kReasonHwThermal = 0x40;
inline constexpr unsigned long long kReasonHwPowerBrake = 0x80;

struct PciInfo {
  char bus_id_legacy[16];
  unsigned domain;
  unsigned bus;
  unsigned device;
  unsigned pci_device_id;
  unsigned pci_subsystem_id;
  char bus_id[32];
};

union Value {
  double as_double;
  unsigned as_unsigned;
  unsigned long long as_unsigned_long_long;
};

struct FieldValue {
  unsigned field_id;
  unsigned scope_id;
  long long timestamp;
  long long latency_us;
  int value_type;
  int code;
  Value value;
};

struct SramStatus {
  unsigned version;
  unsigned long long counts[11];
  unsigned threshold_exceeded;
};
inline constexpr unsigned kSramStatusVersion = sizeof(SramStatus) | 1U << 24U;

// Every entry point is optional: an older driver lacks some, and then the reading says kFunctionNotFound.
struct Api {
  int (*init)();
  int (*shutdown)();
  int (*driver_version)(char*, unsigned);
  int (*nvml_version)(char*, unsigned);
  int (*device_count)(unsigned*);
  int (*device_by_index)(unsigned, Device*);
  int (*name)(Device, char*, unsigned);
  int (*uuid)(Device, char*, unsigned);
  int (*pci_info)(Device, PciInfo*);
  int (*mig_mode)(Device, unsigned*, unsigned*);
  int (*ecc_mode)(Device, int*, int*);
  int (*ecc_errors)(Device, int, int, unsigned long long*);
  int (*remapped_rows)(Device, unsigned*, unsigned*, unsigned*, unsigned*);
  int (*retired_pages)(Device, int, unsigned*, unsigned long long*);
  int (*retired_pages_pending)(Device, int*);
  int (*field_values)(Device, int, FieldValue*);
  int (*temperature)(Device, int, unsigned*);
  int (*temperature_threshold)(Device, int, unsigned*);
  int (*clocks_event_reasons)(Device, unsigned long long*);
  int (*sram_status)(Device, SramStatus*);
  int (*validate_inforom)(Device);
  int (*pcie_generation)(Device, unsigned*);
  int (*pcie_width)(Device, unsigned*);
  int (*pcie_max_generation)(Device, unsigned*);
  int (*pcie_max_width)(Device, unsigned*);
  int (*pcie_replays)(Device, unsigned*);
  int (*power)(Device, unsigned*);
  int (*power_limit)(Device, unsigned*);
  int (*power_default_limit)(Device, unsigned*);
  int (*clock)(Device, int, unsigned*);
  int (*max_clock)(Device, int, unsigned*);
  int (*compute_processes)(Device, unsigned*, void*);
};

}  // namespace gpu_smoke::nvml
