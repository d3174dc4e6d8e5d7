// safetensors: an 8-byte length, a JSON header, the tensors' bytes. Only the header is read.
// Source: the format's description and the validation of its reference implementation.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "validate/formats/input.h"
#include "validate/rules.h"

namespace mlctl::validate {

struct SafetensorsTensor {
  std::string name;
  std::string type;  // "BF16"
  std::vector<std::uint64_t> shape;
  std::vector<std::uint64_t> offsets;  // two, into the data
  bool has_shape = false;
};
struct SafetensorsHeader {
  std::vector<SafetensorsTensor> tensors;       // in the order of the header
  std::map<std::string, std::string> metadata;  // "__metadata__"; each value's first 200 bytes
  std::uint64_t size = 0;                       // bytes, without the length before it
};
// What is wrong, or nullopt; whether types, shapes and offsets agree is not looked at.
[[nodiscard]] std::optional<std::string> read_safetensors(Input& in, SafetensorsHeader& header);

// Adds what is wrong; returns what is there ("12 tensors, 3 types").
[[nodiscard]] std::string check_safetensors(Input& in, Findings& findings);

}  // namespace mlctl::validate
