#include "cli/commands.h"

namespace mlctl::cli {

std::vector<Command> all_commands() {
  return {
      completion_command(),
      version_command(),
      reference_command(),
  };
}

}  // namespace mlctl::cli
