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

[[nodiscard]] inline Check pass(std::string name, std::string reason) {
  return {std::move(name), Verdict::pass, "", std::move(reason), {}};
}
[[nodiscard]] inline Check fail(std::string name, std::string cause, std::string reason) {
  return {std::move(name), Verdict::fail, std::move(cause), std::move(reason), {}};
}
[[nodiscard]] inline Check skipped(std::string name, std::string cause, std::string reason) {
  return {std::move(name), Verdict::skipped, std::move(cause), std::move(reason), {}};
}
[[nodiscard]] inline Check inconclusive(std::string name, std::string cause, std::string reason) {
  return {std::move(name), Verdict::inconclusive, std::move(cause), std::move(reason), {}};
}
[[nodiscard]] inline Check could_not(std::string name, std::string cause, std::string reason) {
  return {std::move(name), Verdict::error, std::move(cause), std::move(reason), {}};
}

// NVML's code of the first of two readings that failed; 0 when none did.
template <class T>
[[nodiscard]] int first_bad_code(const Reading<T>& before, const Reading<T>& after) {
  return before.ok() ? after.code : before.code;
}

// "12.3", for reasons.
[[nodiscard]] std::string short_number(double value);

}  // namespace gpu_smoke
