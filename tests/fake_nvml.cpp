// A libnvidia-ml.so that tells of two GPUs: the first in use by this process and by one of which it keeps the share to
// itself, the second refuses everything but its name. FAKE_NVML=none: a driver without GPUs. FAKE_NVML_PID: the process
// that uses the first GPU, instead of this one.
#include <cstdlib>
#include <cstring>
#include <unistd.h>

extern "C" {

struct nvmlDevice_st {
  int index;
};
using Device = nvmlDevice_st*;
struct Memory {
  unsigned long long total, free, used;
};
struct Utilization {
  unsigned gpu, memory;
};
struct Process {
  unsigned pid;
  unsigned long long used;
  unsigned gpu_instance, compute_instance;
};

static nvmlDevice_st devices[2] = {{0}, {1}};
constexpr int success = 0, not_supported = 3, insufficient_size = 7;

int nvmlInit_v2() {
  return success;
}
int nvmlShutdown() {
  return success;
}
int nvmlDeviceGetCount_v2(unsigned* count) {
  const char* how = std::getenv("FAKE_NVML");
  *count = how != nullptr && std::strcmp(how, "none") == 0 ? 0 : 2;
  return success;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, Device* device) {
  *device = &devices[index];
  return success;
}
int nvmlDeviceGetName(Device, char* name, unsigned length) {
  std::strncpy(name, "Fake H100", length);
  return success;
}
int nvmlDeviceGetMemoryInfo(Device device, Memory* memory) {
  if (device->index != 0) return not_supported;
  *memory = {80ULL << 30U, 75ULL << 30U, 5ULL << 30U};
  return success;
}
int nvmlDeviceGetUtilizationRates(Device device, Utilization* utilization) {
  if (device->index != 0) return not_supported;
  *utilization = {62, 40};
  return success;
}
int nvmlDeviceGetClockInfo(Device device, int, unsigned* megahertz) {
  if (device->index != 0) return not_supported;
  *megahertz = 1740;
  return success;
}
int nvmlDeviceGetMaxClockInfo(Device device, int, unsigned* megahertz) {
  if (device->index != 0) return not_supported;
  *megahertz = 1980;
  return success;
}
int nvmlDeviceGetComputeRunningProcesses_v3(Device device, unsigned* count, Process* processes) {
  if (device->index != 0) return not_supported;
  constexpr unsigned there = 100;
  if (*count < there) {
    *count = there;
    return insufficient_size;
  }
  *count = there;
  const char* other = std::getenv("FAKE_NVML_PID");
  const int pid = other != nullptr ? std::atoi(other) : static_cast<int>(::getpid());
  processes[0] = {static_cast<unsigned>(pid), 3ULL << 30U, 0, 0};
  for (unsigned i = 1; i < there; ++i) processes[i] = {2'000'000'000U + i, ~0ULL, 0, 0};
  return success;
}
}
