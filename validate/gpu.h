// gpu-smoke's report as a Report: mlctl runs the program and believes nothing but its JSON.
#pragma once
#include <filesystem>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "validate/report.h"

namespace mlctl::validate {

// MLCTL_GPU_SMOKE, else beside this program, else in PATH. Error{unavailable} with how to build it.
[[nodiscard]] Result<std::filesystem::path> find_gpu_smoke();

struct GpuCheck {
  Report report;     // of kind "gpu": one check per check of the node and of each GPU
  std::string json;  // as gpu-smoke printed it
};
// Error{unavailable}: the program cannot be started, or prints no report; Error{timeout}.
[[nodiscard]] Result<GpuCheck> run_gpu_smoke(const std::filesystem::path& program, Clock& clock);

// Pure. A verdict that no check explains, an unknown verdict or schema version is Error{corrupt}: fail closed.
[[nodiscard]] Result<Report> gpu_report(std::string_view json);

}  // namespace mlctl::validate
