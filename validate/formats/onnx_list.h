// The initializers of an ONNX graph and what the graph takes and gives, for tensors.h.
// Source: onnx.proto (ModelProto, GraphProto, TensorProto, ValueInfoProto).
#pragma once
#include <optional>
#include <string>

#include "validate/formats/tensors.h"

namespace mlctl::validate {

// What is wrong, or nullopt.
[[nodiscard]] std::optional<std::string> list_onnx(Input& in, TensorList& list);

}  // namespace mlctl::validate
