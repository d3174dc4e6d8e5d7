// ONNX models, walked as they stream by: graphs, subgraphs, functions and every tensor in them, wherever it hangs.
// Source: onnx.proto of ONNX 1.23 and its specification of external data.
#pragma once
#include <set>
#include <string>

#include "validate/formats/input.h"
#include "validate/formats/onnx_tensor.h"
#include "validate/rules.h"

namespace mlctl::validate {

// Adds what is wrong; returns what is there ("opset 17, 24 nodes, 12 tensors"). Files that hold tensors of the model
// are put into `referenced`, by their paths in the model.
[[nodiscard]] std::string check_onnx(Input& in, const Neighbours& neighbours, std::set<std::string>& referenced,
                                     Findings& findings);

}  // namespace mlctl::validate
