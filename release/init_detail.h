// Shared by the files of `mlctl init`.
#pragma once
#include <string>

namespace mlctl::release {

[[nodiscard]] std::string workflow_text();

}  // namespace mlctl::release
