// What credential helpers of docker and of git get from our environment: where they keep what they know, and how they
// reach it. Nothing else: child processes start from PATH and HOME.
#pragma once
#include <map>
#include <string>

namespace mlctl::registry {

[[nodiscard]] std::map<std::string, std::string> helper_environment();

}  // namespace mlctl::registry
