// Golden cases: inputs and the outputs that exactly this version gives for them. JSON:
// {"schemaVersion":1,"protocol":"oip-v2","model":"…","cases":[{"name","inputs":[TENSOR…],"outputs":[TENSOR…]}]},
// TENSOR {name, shape, datatype, data} as in the Open Inference Protocol.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "validate/protocol.h"

namespace mlctl::validate {

struct GoldenCase {
  std::string name;
  std::vector<Tensor> inputs, outputs;
};

// At most 64 MiB and 10,000 cases; Error{usage} that names file and case otherwise, or where the file is not as above.
[[nodiscard]] Result<std::vector<GoldenCase>> read_golden(const std::filesystem::path& path);
inline constexpr std::uint64_t golden_limit = 64U << 20U;  // bytes
// The same from what the file named `what` holds.
[[nodiscard]] Result<std::vector<GoldenCase>> parse_golden(std::string_view text, const std::string& what);

}  // namespace mlctl::validate
