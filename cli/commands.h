// The table of all commands: a new one is a line here and a line in commands.cpp.
#pragma once
#include <vector>

#include "cli/command.h"

namespace mlctl::cli {

[[nodiscard]] std::vector<Command> all_commands();  // in the order of --help

[[nodiscard]] Command apply_command();
[[nodiscard]] Command assign_command();
[[nodiscard]] Command audit_command();
[[nodiscard]] Command compare_command();
[[nodiscard]] Command completion_command();
[[nodiscard]] Command copy_command();
[[nodiscard]] Command deprecate_command();
[[nodiscard]] Command deregister_command();
[[nodiscard]] Command diff_command();
[[nodiscard]] Command explain_command();
[[nodiscard]] Command gate_command();
[[nodiscard]] Command gc_command();
[[nodiscard]] Command gpu_command();
[[nodiscard]] Command history_command();
[[nodiscard]] Command init_command();
[[nodiscard]] Command list_command();
[[nodiscard]] Command login_command();
[[nodiscard]] Command logout_command();
[[nodiscard]] Command logs_command();
[[nodiscard]] Command pull_command();
[[nodiscard]] Command push_command();
[[nodiscard]] Command reference_command();
[[nodiscard]] Command register_command();
[[nodiscard]] Command release_command();
[[nodiscard]] Command rollout_command();
[[nodiscard]] Command render_command();
[[nodiscard]] Command show_command();
[[nodiscard]] Command sign_command();
[[nodiscard]] Command status_command();
[[nodiscard]] Command unassign_command();
[[nodiscard]] Command undo_command();
[[nodiscard]] Command validate_command();
[[nodiscard]] Command verify_command();
[[nodiscard]] Command version_command();

}  // namespace mlctl::cli
