// Completion scripts, generated from the table of commands. Pure.
#pragma once
#include <string>
#include <vector>

#include "cli/command.h"

namespace mlctl::cli {

// To be sourced by the shell. Commands, nested commands, options, choices and file names; hidden commands are left out.
[[nodiscard]] std::string bash_completion(const std::vector<Command>& commands);
[[nodiscard]] std::string zsh_completion(const std::vector<Command>& commands);
[[nodiscard]] std::string fish_completion(const std::vector<Command>& commands);

}  // namespace mlctl::cli
