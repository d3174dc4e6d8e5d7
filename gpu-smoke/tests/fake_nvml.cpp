// A libnvidia-ml.so.1 for tests: one GPU, whose state is named by FAKE_NVML. Deliberately written against
// the exported names and not gpu-smoke's table, as a driver would be.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

#include "nvml_abi.h"

using namespace gpu_smoke::nvml;

namespace {

bool scenario(const char* name) {
  const char* set = std::getenv("FAKE_NVML");
  return set != nullptr && std::strcmp(set, name) == 0;
}

int copy(const char* from, char* to, unsigned size) {
  std::snprintf(to, size, "%s", from);
  return kSuccess;
}

int set(unsigned* to, unsigned value) {
  *to = value;
  return kSuccess;
}

}  // namespace

extern "C" {

int nvmlInit_v2() {
  if (scenario("hang")) sleep(600);
  if (scenario("mismatch")) return kVersionMismatch;
  if (scenario("not-loaded")) return kDriverNotLoaded;
  return kSuccess;
}
int nvmlShutdown() {
  return kSuccess;
}
int nvmlSystemGetDriverVersion(char* text, unsigned size) {
  return copy("580.65.06", text, size);
}
int nvmlSystemGetNVMLVersion(char* text, unsigned size) {
  return copy(scenario("other-library") ? "13.570.10.01" : "13.580.65.06", text, size);
}
int nvmlDeviceGetCount_v2(unsigned* count) {
  return set(count, 1);
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, Device* device) {
  if (scenario("blocked")) return kOperatingSystem;
  if (index != 0) return 2;
  static int only = 0;
  *device = reinterpret_cast<Device>(&only);
  return kSuccess;
}
int nvmlDeviceGetName(Device, char* text, unsigned size) {
  return copy("Fake \x1b[31mGPU", text, size);
}
int nvmlDeviceGetUUID(Device, char* text, unsigned size) {
  return copy("GPU-00000000-1111-2222-3333-444444444444", text, size);
}
int nvmlDeviceGetPciInfo_v3(Device, PciInfo* pci) {
  *pci = PciInfo{};
  pci->domain = 0;
  pci->bus = 0xc1;
  copy("00000000:C1:00.0", pci->bus_id, sizeof(pci->bus_id));
  return kSuccess;
}
int nvmlDeviceGetMigMode(Device, unsigned* current, unsigned* pending) {
  return set(current, 0) + set(pending, 0);
}
int nvmlDeviceGetEccMode(Device, int* current, int* pending) {
  *current = *pending = 1;
  return kSuccess;
}
int nvmlDeviceGetTotalEccErrors(Device, int type, int counter, unsigned long long* count) {
  *count = 0;
  return (type == kEccUncorrected || type == kEccCorrected) && counter == kEccVolatile ? kSuccess : 2;
}
int nvmlDeviceGetRemappedRows(Device, unsigned* correctable, unsigned* uncorrectable, unsigned* pending,
                              unsigned* failure) {
  if (scenario("no-permission")) return kNoPermission;
  if (scenario("lost")) return kGpuIsLost;
  set(correctable, 1);
  set(uncorrectable, 2);
  set(pending, 0);
  return set(failure, scenario("remap-failure") ? 1 : 0);
}
int nvmlDeviceGetRetiredPages(Device, int, unsigned*, unsigned long long*) {
  return kNotSupported;
}
int nvmlDeviceGetRetiredPagesPendingStatus(Device, int*) {
  return kNotSupported;
}
int nvmlDeviceGetFieldValues(Device, int count, FieldValue* values) {
  for (int i = 0; i < count; ++i) {
    const bool counter = values[i].field_id == kFieldHwThermalNs || values[i].field_id == kFieldPowerBrakeNs;
    const bool action = values[i].field_id == kFieldRecoveryAction;
    values[i].code = counter || action ? kSuccess : kNotSupported;
    if (action && scenario("old-driver")) values[i].code = kInvalidArgument;
    values[i].value_type = 1;
    values[i].value.as_unsigned_long_long = 0;
    if (!counter) values[i].value.as_unsigned = scenario("recovery") ? 2 : 0;
  }
  return kSuccess;
}
int nvmlDeviceGetTemperature(Device, int, unsigned* celsius) {
  return set(celsius, 41);
}
int nvmlDeviceGetTemperatureThreshold(Device, int threshold, unsigned* celsius) {
  return set(celsius, threshold == kThresholdShutdown ? 95 : 90);
}
int nvmlDeviceGetSramEccErrorStatus(Device, SramStatus* status) {
  return status->version == kSramStatusVersion ? kNoPermission : 25;
}
int nvmlDeviceValidateInforom(Device) {
  return scenario("bad-inforom") ? kCorruptedInforom : kSuccess;
}
int nvmlDeviceGetCurrPcieLinkGeneration(Device, unsigned* value) {
  return set(value, 5);
}
int nvmlDeviceGetCurrPcieLinkWidth(Device, unsigned* value) {
  return set(value, 16);
}
int nvmlDeviceGetMaxPcieLinkGeneration(Device, unsigned* value) {
  return set(value, 5);
}
int nvmlDeviceGetMaxPcieLinkWidth(Device, unsigned* value) {
  return set(value, 16);
}
int nvmlDeviceGetPcieReplayCounter(Device, unsigned* value) {
  return set(value, 7);
}
int nvmlDeviceGetPowerUsage(Device, unsigned* value) {
  return set(value, 123456);
}
int nvmlDeviceGetEnforcedPowerLimit(Device, unsigned* value) {
  return set(value, 700000);
}
int nvmlDeviceGetPowerManagementDefaultLimit(Device, unsigned* value) {
  return set(value, 700000);
}
int nvmlDeviceGetClockInfo(Device, int clock, unsigned* value) {
  return clock == kClockSm ? set(value, 1500) : 2;
}
int nvmlDeviceGetMaxClockInfo(Device, int clock, unsigned* value) {
  return clock == kClockSm ? set(value, 1980) : 2;
}
// Asked with no room: the real one answers so when there are any.
int nvmlDeviceGetComputeRunningProcesses_v3(Device, unsigned* count, void* infos) {
  const unsigned running = scenario("shared") ? 2 : 0;
  const bool room = *count >= running && (infos != nullptr || running == 0);
  set(count, running);
  return room ? kSuccess : kInsufficientSize;
}
// Only the older name, as before driver 535.
int nvmlDeviceGetCurrentClocksThrottleReasons(Device, unsigned long long* reasons) {
  *reasons = 1;
  return kSuccess;
}

}  // extern "C"
