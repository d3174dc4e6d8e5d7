// From the words of a command line to the targets of a command's options. The only user of CLI11.
#pragma once
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/command.h"

namespace mlctl::cli {

// `words` are those after the command's own name, together with options that stood before it. What the command line
// does not say comes from the environment (variable_of). Error{usage}: unknown options with the nearest known one, a
// missing or repeated value, a missing argument, one too many, a value that is none of the choices.
[[nodiscard]] Status parse_options(const Command& command, const std::string& path, const std::vector<Option>& options,
                                   const std::vector<std::string>& words);

// Stores `texts` where the option says; `shown` names it in errors.
[[nodiscard]] Status assign(const Option& option, const std::string& shown, const std::vector<std::string>& texts);

}  // namespace mlctl::cli
