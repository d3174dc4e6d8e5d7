// Pickles, judged without running them: opcode by opcode, in constant memory, through STOP into what follows.
#pragma once
#include <string>

#include "validate/formats/input.h"
#include "validate/rules.h"

namespace mlctl::validate {

// Adds what is wrong; returns what is there ("protocol 4, imports collections.OrderedDict").
[[nodiscard]] std::string check_pickle(Input& in, Findings& findings);

// Whether the bytes of a file that claims to be something else are instructions that would call something, or import
// something dangerous, before Python finds an error in them. Text practically never is.
[[nodiscard]] bool is_acting_pickle(Input& in);

}  // namespace mlctl::validate
