// One TensorProto: what its dimensions and type claim against the data that it has, inside the model or beside it.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "validate/rules.h"

namespace mlctl::validate {

// A file beside the one that is checked, by its path in the model; nullopt when the model has none of that name.
struct Neighbour {
  std::uint64_t size = 0;
  bool link = false;           // a symbolic link
  bool several_names = false;  // a hard link to something that may lie elsewhere
};
using Neighbours = std::function<std::optional<Neighbour>(const std::string& path)>;

struct OnnxTensor {
  std::string name;
  std::vector<std::int64_t> dims;
  std::int64_t data_type = 0;
  bool too_many_dims = false;
  bool external = false;  // data_location is EXTERNAL
  std::uint64_t raw_bytes = 0;
  bool has_raw = false;
  std::uint64_t typed_values = 0;  // entries of the typed data fields
  bool has_typed = false;
  std::vector<std::pair<std::string, std::string>> external_data;
};

// Adds what contradicts. `folder` is where the model file lies ("" or "sub/"); external files that may be read are put
// into `referenced`.
void check_onnx_tensor(const OnnxTensor& tensor, const std::string& folder, const Neighbours& neighbours,
                       std::set<std::string>& referenced, Findings& findings);

}  // namespace mlctl::validate
