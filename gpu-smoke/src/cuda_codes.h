// The CUDA runtime's error numbers that the verdict rules tell apart, so that the rules compile without a
// toolkit. src/cuda_probe.cu asserts each against the real header. Source: CUDA runtime API, cudaError_t.
#pragma once

namespace gpu_smoke::cuda {

enum Code : int {
  kNotAsked = -1,  // ours: the call was never made
  kSuccess = 0,
  kMemoryAllocation = 2,
  kStubLibrary = 34,
  kInsufficientDriver = 35,
  kDevicesUnavailable = 46,
  kNoDevice = 100,
  kNoKernelImage = 209,
  kEccUncorrectable = 214,
  kNvlinkUncorrectable = 220,
  kUnsupportedPtx = 222,
  kContained = 226,
  kOperatingSystem = 304,
  kIllegalAddress = 700,
  kMisalignedAddress = 716,
  kInvalidPc = 718,
  kHardwareStackError = 714,
  kIllegalInstruction = 715,
  kInvalidAddressSpace = 717,
  kLaunchFailure = 719,
  kSystemNotReady = 802,
  kSystemDriverMismatch = 803,
  kCompatNotSupported = 804,
};

}  // namespace gpu_smoke::cuda
