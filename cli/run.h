// From the words of a command line to an exit code: find the command, show its help or parse its options, run it.
#pragma once
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/context.h"

namespace mlctl::cli {

// What the words before any options name. Words that remain are options and arguments.
struct Selection {
  const Command* command = nullptr;  // nullptr: none was named
  std::string path;                  // "gpu check"
  std::vector<std::string> rest;
  bool help = false;
};
// Error{usage}: an unknown command, with the nearest known one.
[[nodiscard]] Result<Selection> select_command(const std::vector<Command>& commands, const std::vector<Option>& globals,
                                               const std::vector<std::string>& words);

// An exception that reaches this is told as an error that nobody foresaw: exit 3.
[[nodiscard]] int run(const std::vector<Command>& commands, const std::vector<std::string>& words, Context& context);

}  // namespace mlctl::cli
