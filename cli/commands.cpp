#include "cli/commands.h"

namespace mlctl::cli {

std::vector<Command> all_commands() {
  return {
      init_command(),      explain_command(),    push_command(),     pull_command(),      list_command(),
      show_command(),      compare_command(),    verify_command(),   sign_command(),      copy_command(),
      gc_command(),        register_command(),   assign_command(),   unassign_command(),  deregister_command(),
      deprecate_command(), history_command(),    validate_command(), gate_command(),      gpu_command(),
      render_command(),    diff_command(),       apply_command(),    status_command(),    logs_command(),
      undo_command(),      rollout_command(),    release_command(),  audit_command(),     login_command(),
      logout_command(),    completion_command(), version_command(),  reference_command(),
  };
}

}  // namespace mlctl::cli
