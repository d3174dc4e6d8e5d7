#include "cli/environment.h"

#include <cstdlib>

namespace mlctl::cli {

std::string environment_variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace mlctl::cli
