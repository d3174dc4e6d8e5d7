#include "cli/completion.h"

#include <ostream>

#include "cli/commands.h"
#include "cli/context.h"

namespace mlctl::cli {
namespace {

int run_completion(const std::string& shell, Context& context) {
  const auto commands = all_commands();
  context.out << (shell == "bash"  ? bash_completion(commands)
                  : shell == "zsh" ? zsh_completion(commands)
                                   : fish_completion(commands));
  return 0;
}

}  // namespace

Command completion_command() {
  auto shell = std::make_shared<std::string>();
  return {.name = "completion",
          .group = Group::other,
          .summary = "Print a completion script for a shell",
          .examples = {{"for this shell", "source <(mlctl completion bash)"},
                       {"for every fish", "mlctl completion fish > ~/.config/fish/completions/mlctl.fish"}},
          .arguments = {{.name = "SHELL",
                         .help = "bash, zsh or fish",
                         .target = shell.get(),
                         .required = true,
                         .choices = {"bash", "zsh", "fish"}}},
          .run = [shell](Context& context) { return run_completion(*shell, context); }};
}

}  // namespace mlctl::cli
