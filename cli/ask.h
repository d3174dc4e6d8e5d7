// Asking a person before something that an environment wants confirmed.
#pragma once
#include <string>

#include "base/result.h"
#include "cli/context.h"

namespace mlctl::cli {

// Asks on the terminal; `yes` answers for CI. Error{usage}: nobody can be asked; Error{denied}: the answer is no;
// Error{interrupted}: Ctrl-C instead of an answer.
[[nodiscard]] Status confirm(const std::string& question, bool yes, Context& context);
// Error{usage} where confirm would say so; asks nothing.
[[nodiscard]] Status can_confirm(const std::string& question, bool yes);

}  // namespace mlctl::cli
