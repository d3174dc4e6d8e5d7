// Golden cases: inputs and the outputs that exactly this version gives for them. JSON:
// {"schemaVersion":1,"protocol":"oip-v2","model":"…","cases":[{"name","inputs":[TENSOR…],"outputs":[TENSOR…]}]},
// TENSOR {name, shape, datatype, data} as in the Open Inference Protocol.
#pragma once
#include <filesystem>
#include <string>
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

}  // namespace mlctl::validate
