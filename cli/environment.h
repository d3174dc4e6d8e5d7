// Variables of the process's environment.
#pragma once
#include <string>

namespace mlctl::cli {

// "" when it is not set.
[[nodiscard]] std::string environment_variable(const char* name);

}  // namespace mlctl::cli
