#include "verdict_codes.h"

#include <cstdio>

namespace gpu_smoke {
namespace {

struct Meaning {
  int code;
  Verdict verdict;
  const char* cause;
  const char* text;
};

constexpr Meaning kNvml[] = {
    {nvml::kNotSupported, Verdict::skipped, "not-supported", "not supported by this GPU or driver"},
    {nvml::kFunctionNotFound, Verdict::skipped, "not-supported", "this driver's NVML has no such call"},
    {nvml::kNoPermission, Verdict::error, "no-permission", "no permission"},
    {nvml::kOperatingSystem, Verdict::error, "no-permission", "the operating system blocks the device (cgroups?)"},
    {nvml::kDriverNotLoaded, Verdict::error, "no-driver", "the driver is not loaded"},
    {nvml::kVersionMismatch, Verdict::error, "driver-mismatch", "NVML and the loaded driver differ in version"},
    {nvml::kGpuIsLost, Verdict::fail, "gpu-lost", "the GPU is lost"},
    {nvml::kResetRequired, Verdict::fail, "reset-required", "the GPU must be reset before it can be used"},
};

constexpr Meaning kCuda[] = {
    {cuda::kMemoryAllocation, Verdict::error, "out-of-memory", "not enough free GPU memory"},
    {cuda::kStubLibrary, Verdict::error, "no-driver", "libcuda is the toolkit's stub, not a driver"},
    {cuda::kDevicesUnavailable, Verdict::error, "gpu-busy", "the GPU is busy or in exclusive use"},
    {cuda::kNoKernelImage, Verdict::error, "not-built-for-gpu", "no kernel for this GPU in the binary"},
    {cuda::kUnsupportedPtx, Verdict::error, "not-built-for-gpu", "the driver cannot compile the binary's PTX"},
    {cuda::kOperatingSystem, Verdict::error, "no-permission", "the operating system refused the device"},
    {cuda::kSystemNotReady, Verdict::error, "fabric-not-ready", "the fabric manager is not ready"},
    {cuda::kSystemDriverMismatch, Verdict::error, "driver-mismatch", "libcuda and the loaded driver differ in version"},
    {cuda::kCompatNotSupported, Verdict::error, "driver-mismatch", "forward compatibility is not supported here"},
    {cuda::kEccUncorrectable, Verdict::fail, "ecc-uncorrected", "an uncorrectable ECC error"},
    {cuda::kNvlinkUncorrectable, Verdict::fail, "gpu-fault", "an uncorrectable NVLink error"},
    {cuda::kContained, Verdict::fail, "gpu-fault", "a hardware error, contained to this program"},
    // The kernel is fixed and in bounds on every healthy GPU: these say that the GPU is not.
    {cuda::kIllegalAddress, Verdict::fail, "gpu-fault", "an illegal memory access"},
    {cuda::kHardwareStackError, Verdict::fail, "gpu-fault", "a hardware stack error"},
    {cuda::kIllegalInstruction, Verdict::fail, "gpu-fault", "an illegal instruction"},
    {cuda::kMisalignedAddress, Verdict::fail, "gpu-fault", "a misaligned address"},
    {cuda::kInvalidAddressSpace, Verdict::fail, "gpu-fault", "an invalid address space"},
    {cuda::kInvalidPc, Verdict::fail, "gpu-fault", "an invalid program counter"},
    {cuda::kLaunchFailure, Verdict::fail, "gpu-fault", "the kernel died"},
};

template <std::size_t N>
const Meaning* find(const Meaning (&table)[N], int code) {
  for (const auto& row : table) {
    if (row.code == code) return &row;
  }
  return nullptr;
}

std::string timeout_text(const Evidence& evidence) {
  return "no answer within " + std::to_string(evidence.timeout_s) + " s";
}

}  // namespace

Check from_nvml_code(const Evidence& evidence, const std::string& name, int code, const std::string& what) {
  if (const Meaning* meaning = find(kNvml, code)) {
    return {name,
            meaning->verdict,
            meaning->cause,
            what + ": " + meaning->text + " (NVML " + std::to_string(code) + ")",
            {}};
  }
  if (code == nvml::kNotAsked && evidence.timed_out) {
    return {name, Verdict::error, "timeout", what + ": " + timeout_text(evidence), {}};
  }
  const std::string why = code == nvml::kNotAsked ? "could not be asked" : "NVML error " + std::to_string(code);
  return {name, Verdict::error, "nvml-error", what + ": " + why, {}};
}

Check from_cuda_code(const Evidence& evidence, const std::string& name, int code, const std::string& what) {
  const std::string number = " (CUDA " + std::to_string(code) + ")";
  if (code == cuda::kInsufficientDriver) {
    // Without any driver CUDA says "too old" as well; only the driver version tells them apart.
    const int version = evidence.cuda.driver_version;
    if (version == 0) return {name, Verdict::error, "no-driver", "no NVIDIA driver on this machine" + number, {}};
    return {name,
            Verdict::error,
            "driver-too-old",
            "the driver supports CUDA " + cuda_version(version) + ", this binary needs " +
                cuda_version(evidence.cuda.runtime_version) + number,
            {}};
  }
  if (const Meaning* meaning = find(kCuda, code)) {
    return {name, meaning->verdict, meaning->cause, what + ": " + meaning->text + number, {}};
  }
  if (code == cuda::kNotAsked && evidence.timed_out) {
    return {name, Verdict::error, "timeout", what + ": " + timeout_text(evidence), {}};
  }
  const std::string why = code == cuda::kNotAsked ? "could not be asked" : "failed" + number;
  return {name, Verdict::error, "cuda-error", what + ": " + why, {}};
}

std::string cuda_version(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), value < 10 ? "%.2f" : value < 100 ? "%.1f" : "%.0f", value);
  return text;
}

}  // namespace gpu_smoke
