// The tensors that a model file says it has, and what it says about itself, read from its header: no weight is loaded.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "registry/files.h"
#include "validate/formats/input.h"

namespace mlctl::validate {

struct TensorLine {
  std::string name;
  std::string type;                // "F32", "Q4_K", "float16": as the format calls it
  std::vector<std::string> shape;  // numbers; of an ONNX graph's inputs also names
  bool operator==(const TensorLine&) const = default;
};
struct TensorList {
  std::vector<TensorLine> tensors;              // sorted by name
  std::map<std::string, std::string> metadata;  // "general.architecture", "opset", "input x"; long values shortened
};
inline constexpr std::size_t tensors_limit = 200'000;

[[nodiscard]] bool has_tensors(registry::Format format);        // safetensors, GGUF, ONNX
[[nodiscard]] std::string to_string(const TensorLine& tensor);  // "F32 [4096, 32000]"

// Error{corrupt}: the header is not as the format says; Error{usage}: more than tensors_limit; what reading fails with.
[[nodiscard]] Result<TensorList> list_tensors(registry::Format format, Input& in);

}  // namespace mlctl::validate
