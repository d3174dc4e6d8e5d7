// safetensors: an 8-byte length, a JSON header, the tensors' bytes. Only the header is read.
// Source: the format's description and the validation of its reference implementation.
#pragma once
#include <string>

#include "validate/formats/input.h"
#include "validate/rules.h"

namespace mlctl::validate {

// Adds what is wrong; returns what is there ("12 tensors, 3 types").
[[nodiscard]] std::string check_safetensors(Input& in, Findings& findings);

}  // namespace mlctl::validate
