// Compiles only while src/nvml_abi.h agrees with NVIDIA's header.
#include <cstddef>
#include <nvml.h>
#include <type_traits>

#include "nvml_abi.h"

namespace ours = gpu_smoke::nvml;

// Same parameters up to enum-for-int and our own structs, which are compared below.
template <class T>
struct Plain {
  using type = std::conditional_t<std::is_enum_v<T>, int, T>;
};
template <class T>
struct Plain<T*> {
  using type = typename Plain<T>::type*;
};
template <>
struct Plain<nvmlPciInfo_t> {
  using type = ours::PciInfo;
};
template <>
struct Plain<nvmlFieldValue_t> {
  using type = ours::FieldValue;
};
template <>
struct Plain<nvmlEccSramErrorStatus_t> {
  using type = ours::SramStatus;
};
template <>
struct Plain<nvmlProcessInfo_t*> {  // only counted, never read
  using type = void*;
};
template <>
struct Plain<nvmlDevice_t> {
  using type = ours::Device;
};
template <class F>
struct PlainFunction;
template <class R, class... A>
struct PlainFunction<R (*)(A...)> {
  using type = typename Plain<R>::type (*)(typename Plain<A>::type...);
};
template <class R, class... A>
struct PlainFunction<R (*)(A...) noexcept> : PlainFunction<R (*)(A...)> {};
#define SAME(member, function) \
  static_assert(std::is_same_v<decltype(ours::Api::member), typename PlainFunction<decltype(&function)>::type>)

SAME(init, nvmlInit_v2);
SAME(shutdown, nvmlShutdown);
SAME(driver_version, nvmlSystemGetDriverVersion);
SAME(nvml_version, nvmlSystemGetNVMLVersion);
SAME(device_count, nvmlDeviceGetCount_v2);
SAME(device_by_index, nvmlDeviceGetHandleByIndex_v2);
SAME(name, nvmlDeviceGetName);
SAME(uuid, nvmlDeviceGetUUID);
SAME(pci_info, nvmlDeviceGetPciInfo_v3);
SAME(mig_mode, nvmlDeviceGetMigMode);
SAME(ecc_mode, nvmlDeviceGetEccMode);
SAME(ecc_errors, nvmlDeviceGetTotalEccErrors);
SAME(remapped_rows, nvmlDeviceGetRemappedRows);
SAME(retired_pages, nvmlDeviceGetRetiredPages);
SAME(retired_pages_pending, nvmlDeviceGetRetiredPagesPendingStatus);
SAME(field_values, nvmlDeviceGetFieldValues);
SAME(temperature_threshold, nvmlDeviceGetTemperatureThreshold);
SAME(clocks_event_reasons, nvmlDeviceGetCurrentClocksEventReasons);
SAME(sram_status, nvmlDeviceGetSramEccErrorStatus);
SAME(validate_inforom, nvmlDeviceValidateInforom);
SAME(pcie_generation, nvmlDeviceGetCurrPcieLinkGeneration);
SAME(pcie_width, nvmlDeviceGetCurrPcieLinkWidth);
SAME(pcie_max_generation, nvmlDeviceGetMaxPcieLinkGeneration);
SAME(pcie_max_width, nvmlDeviceGetMaxPcieLinkWidth);
SAME(pcie_replays, nvmlDeviceGetPcieReplayCounter);
SAME(power, nvmlDeviceGetPowerUsage);
SAME(power_limit, nvmlDeviceGetEnforcedPowerLimit);
SAME(power_default_limit, nvmlDeviceGetPowerManagementDefaultLimit);
SAME(clock, nvmlDeviceGetClockInfo);
SAME(max_clock, nvmlDeviceGetMaxClockInfo);
SAME(compute_processes, nvmlDeviceGetComputeRunningProcesses_v3);

static_assert(sizeof(ours::PciInfo) == sizeof(nvmlPciInfo_t));
static_assert(offsetof(ours::PciInfo, domain) == offsetof(nvmlPciInfo_t, domain));
static_assert(offsetof(ours::PciInfo, device) == offsetof(nvmlPciInfo_t, device));
static_assert(offsetof(ours::PciInfo, bus_id) == offsetof(nvmlPciInfo_t, busId));
static_assert(sizeof(ours::FieldValue) == sizeof(nvmlFieldValue_t));
static_assert(offsetof(ours::FieldValue, code) == offsetof(nvmlFieldValue_t, nvmlReturn));
static_assert(offsetof(ours::FieldValue, value) == offsetof(nvmlFieldValue_t, value));

static_assert(sizeof(ours::SramStatus) == sizeof(nvmlEccSramErrorStatus_t));
static_assert(offsetof(ours::SramStatus, threshold_exceeded) == offsetof(nvmlEccSramErrorStatus_t, bThresholdExceeded));
static_assert(ours::kSramStatusVersion == nvmlEccSramErrorStatus_v1);

static_assert(int{ours::kSuccess} == int{NVML_SUCCESS});
static_assert(int{ours::kInvalidArgument} == int{NVML_ERROR_INVALID_ARGUMENT});
static_assert(int{ours::kNotSupported} == int{NVML_ERROR_NOT_SUPPORTED});
static_assert(int{ours::kNoPermission} == int{NVML_ERROR_NO_PERMISSION});
static_assert(int{ours::kInsufficientSize} == int{NVML_ERROR_INSUFFICIENT_SIZE});
static_assert(int{ours::kDriverNotLoaded} == int{NVML_ERROR_DRIVER_NOT_LOADED});
static_assert(int{ours::kFunctionNotFound} == int{NVML_ERROR_FUNCTION_NOT_FOUND});
static_assert(int{ours::kGpuIsLost} == int{NVML_ERROR_GPU_IS_LOST});
static_assert(int{ours::kResetRequired} == int{NVML_ERROR_RESET_REQUIRED});
static_assert(int{ours::kOperatingSystem} == int{NVML_ERROR_OPERATING_SYSTEM});
static_assert(int{ours::kVersionMismatch} == int{NVML_ERROR_LIB_RM_VERSION_MISMATCH});
static_assert(int{ours::kCorruptedInforom} == int{NVML_ERROR_CORRUPTED_INFOROM});
static_assert(ours::kFieldHwThermalNs == NVML_FI_DEV_CLOCKS_EVENT_REASON_HW_THERM_SLOWDOWN);
static_assert(ours::kFieldPowerBrakeNs == NVML_FI_DEV_CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN);
static_assert(ours::kClockSm == int{NVML_CLOCK_SM});
static_assert(ours::kEccCorrected == int{NVML_MEMORY_ERROR_TYPE_CORRECTED});
static_assert(ours::kReasonSwThermal == nvmlClocksEventReasonSwThermalSlowdown);
static_assert(ours::kReasonSwPowerCap == nvmlClocksEventReasonSwPowerCap);
static_assert(ours::kFieldRecoveryAction == NVML_FI_DEV_GET_GPU_RECOVERY_ACTION);
static_assert(ours::kTemperatureGpu == int{NVML_TEMPERATURE_GPU});
static_assert(ours::kThresholdShutdown == int{NVML_TEMPERATURE_THRESHOLD_SHUTDOWN});
static_assert(ours::kThresholdSlowdown == int{NVML_TEMPERATURE_THRESHOLD_SLOWDOWN});
static_assert(ours::kEccUncorrected == int{NVML_MEMORY_ERROR_TYPE_UNCORRECTED});
static_assert(ours::kEccVolatile == int{NVML_VOLATILE_ECC});
static_assert(ours::kRetiredMultipleSingleBit == int{NVML_PAGE_RETIREMENT_CAUSE_MULTIPLE_SINGLE_BIT_ECC_ERRORS});
static_assert(ours::kRetiredDoubleBit == int{NVML_PAGE_RETIREMENT_CAUSE_DOUBLE_BIT_ECC_ERROR});
static_assert(ours::kReasonHwThermal == nvmlClocksThrottleReasonHwThermalSlowdown);
static_assert(ours::kReasonHwPowerBrake == nvmlClocksThrottleReasonHwPowerBrakeSlowdown);
