// What NVML's and CUDA's return codes mean for a check. A code that says the GPU itself is broken is a
// `fail`; one that says we could not ask is an `error`; "not supported" is `skipped`.
#pragma once

#include <string>

#include "report.h"

namespace gpu_smoke {

// `what` names the call for people. Neither is for success codes.
[[nodiscard]] Check from_nvml_code(const Evidence& evidence, const std::string& name, int code,
                                   const std::string& what);
[[nodiscard]] Check from_cuda_code(const Evidence& evidence, const std::string& name, int code,
                                   const std::string& what);
[[nodiscard]] std::string cuda_version(int version);  // 13050 -> "13.5"

}  // namespace gpu_smoke
