// The verdict rules: pure functions from evidence to report. Fail closed: what could not be asked is an
// error and never a pass; a fault that was seen outweighs everything that was not.
#pragma once

#include "report.h"

namespace gpu_smoke {

[[nodiscard]] Report judge(const Evidence& evidence, const Policy& policy);

// The rules one by one, in the order in which they are reported.
[[nodiscard]] std::vector<Check> judge_node(const Evidence& evidence, const Policy& policy);
[[nodiscard]] std::vector<Check> judge_health(const Evidence& evidence, const NvmlGpu* gpu, const Policy& policy);
[[nodiscard]] Check judge_gemm(const Evidence& evidence, const CudaGpu* gpu);

}  // namespace gpu_smoke
