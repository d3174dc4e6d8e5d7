#include "cli/commands.h"

namespace mlctl::cli {

std::vector<Command> all_commands() {
  return {
      init_command(),
      explain_command(),
      release_command(),
      audit_command(),
      completion_command(),
      version_command(),
      reference_command(),
  };
}

}  // namespace mlctl::cli
