// Bytes that move: between host and device, within the device, and between devices. What arrives is checked.
#include <algorithm>

#include "cuda_runs.h"
#include "cuda_support.h"
#include "kernels.h"
#include "memory_pattern.h"
#include "metrics.h"
#include "near_gpu.h"

namespace gpu_smoke {
namespace {

constexpr std::size_t kTransferBytes = 128U << 20U;
constexpr std::size_t kCopyBytes = 512U << 20U;
constexpr int kSamples = 3;  // of which the median counts

double gb_s(double bytes, double milliseconds) {
  return milliseconds > 0 ? bytes / milliseconds / 1e6 : 0;
}

// The median of a few timings of `count` launches each, after warming up.
bool measure(Steps& steps, const char* what, int warm_ups, int count, const std::function<cudaError_t()>& launch,
             double bytes, std::vector<double>& attempts) {
  double milliseconds = 0;
  if (!time_launches(steps, what, warm_ups, launch, milliseconds)) return false;
  std::vector<double> speeds;
  for (int sample = 0; sample < kSamples; ++sample) {
    if (!time_launches(steps, what, count, launch, milliseconds)) return false;
    speeds.push_back(gb_s(bytes, milliseconds));
  }
  attempts.push_back(median(speeds));
  return true;
}

bool write_pattern(Steps& steps, void* device, std::size_t bytes) {
  return steps.ok("write a pattern", launch_fill(device, bytes / 16, 0, Pattern::hash)) &&
         steps.ok("write a pattern", cudaDeviceSynchronize());
}

std::string bus_id() {
  int ordinal = 0;
  char id[32] = {};
  const bool known =
      cudaGetDevice(&ordinal) == cudaSuccess && cudaDeviceGetPCIBusId(id, sizeof(id), ordinal) == cudaSuccess;
  return known ? id : "";
}

// Counted on the current device.
bool count_wrong_on_device(Steps& steps, const void* device, std::size_t bytes, std::uint64_t& wrong_bytes) {
  DeviceBuffer errors;
  MemoryErrors found{};
  if (!steps.ok("allocate", errors.allocate(sizeof(found)))) return false;
  if (!steps.ok("clear", cudaMemset(errors.as(), 0, sizeof(found)))) return false;
  if (!steps.ok("verify", launch_check(device, bytes / 16, 0, Pattern::hash, errors.as<MemoryErrors>()))) return false;
  if (!steps.ok("copy back", cudaMemcpy(&found, errors.as(), sizeof(found), cudaMemcpyDeviceToHost))) return false;
  wrong_bytes = 8 * found.wrong_words;
  return true;
}

}  // namespace

BandwidthRun run_transfer(bool to_device) {
  BandwidthRun run;
  run.bytes = kTransferBytes;
  Steps steps(run);
  const NearGpu near(bus_id());  // before the memory is there
  PinnedBuffer host;
  DeviceBuffer device;
  if (!steps.ok("allocate pinned memory", host.allocate(kTransferBytes))) return run;
  if (!steps.ok("allocate", device.allocate(kTransferBytes))) return run;
  auto* words = host.as<std::uint64_t>();
  constexpr std::size_t kWords = kTransferBytes / 8;
  for (std::size_t i = 0; i < kWords; ++i) words[i] = to_device ? pattern_at(Pattern::hash, i) : 0;
  // What arrives must not be there already.
  if (to_device && !steps.ok("clear", cudaMemset(device.as(), 0, kTransferBytes))) return run;
  if (!to_device && !write_pattern(steps, device.as(), kTransferBytes)) return run;
  void* to = to_device ? device.as() : host.as();
  const void* from = to_device ? host.as() : device.as();
  const auto kind = to_device ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToHost;
  const auto copy = [&] { return cudaMemcpyAsync(to, from, kTransferBytes, kind, nullptr); };
  if (!measure(steps, "transfer", 1, 4, copy, kTransferBytes, run.attempts_gb_s)) return run;
  if (to_device) {
    count_wrong_on_device(steps, device.as(), kTransferBytes, run.wrong_bytes);
  } else {
    for (std::size_t i = 0; i < kWords; ++i) run.wrong_bytes += words[i] == pattern_at(Pattern::hash, i) ? 0 : 8;
  }
  return run;
}

BandwidthRun run_copy(const Chip& chip) {
  BandwidthRun run;
  Steps steps(run);
  std::size_t free = 0;
  std::size_t total = 0;
  if (!steps.ok("ask for free memory", cudaMemGetInfo(&free, &total))) return run;
  const std::size_t bytes = std::min(kCopyBytes, free / 4) / 16 * 16;
  DeviceBuffer from;
  DeviceBuffer to;
  if (!steps.ok("allocate", from.allocate(bytes)) || !steps.ok("allocate", to.allocate(bytes))) return run;
  if (!write_pattern(steps, from.as(), bytes)) return run;
  if (!steps.ok("clear", cudaMemset(to.as(), 0, bytes))) return run;
  run.bytes = 2 * bytes;  // read and written
  const auto copy = [&] { return launch_copy(from.as(), to.as(), bytes, chip.sm_count); };
  if (!measure(steps, "copy", 4, 16, copy, 2.0 * static_cast<double>(bytes), run.attempts_gb_s)) return run;
  count_wrong_on_device(steps, to.as(), bytes, run.wrong_bytes);
  return run;
}

PeerRun run_peer(int from, int to) {
  PeerRun run;
  run.bytes = kTransferBytes;
  Steps steps(run);
  int access = 0;
  if (!steps.ok("ask for peer access", cudaDeviceCanAccessPeer(&access, from, to))) return run;
  run.access = access != 0;
  if (!run.access) {
    run.skipped = "no direct access";
    return run;
  }
  const cudaError_t enabled = cudaDeviceEnablePeerAccess(to, 0);
  if (enabled == cudaErrorPeerAccessAlreadyEnabled) {
    cudaGetLastError();
  } else if (!steps.ok("enable peer access", enabled)) {
    return run;
  }
  DeviceBuffer source;
  DeviceBuffer target;
  if (!steps.ok("allocate", source.allocate(kTransferBytes))) return run;
  if (!write_pattern(steps, source.as(), kTransferBytes)) return run;
  if (!steps.ok("select the peer", cudaSetDevice(to))) return run;
  if (!steps.ok("allocate on the peer", target.allocate(kTransferBytes))) return run;
  if (!steps.ok("clear", cudaMemset(target.as(), 0, kTransferBytes))) return run;
  if (!steps.ok("clear", cudaDeviceSynchronize()) || !steps.ok("select the device", cudaSetDevice(from))) return run;
  const auto copy = [&] { return cudaMemcpyPeerAsync(target.as(), to, source.as(), from, kTransferBytes, nullptr); };
  if (!measure(steps, "peer copy", 1, 4, copy, kTransferBytes, run.attempts_gb_s)) return run;
  if (!steps.ok("select the peer", cudaSetDevice(to))) return run;
  count_wrong_on_device(steps, target.as(), kTransferBytes, run.wrong_bytes);
  cudaSetDevice(from);
  cudaDeviceDisablePeerAccess(to);
  return run;
}

}  // namespace gpu_smoke
