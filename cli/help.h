// --help, in our own layout, from the table of commands. Pure.
#pragma once
#include <string>
#include <vector>

#include "base/terminal.h"
#include "cli/command.h"

namespace mlctl::cli {

[[nodiscard]] std::string overview(const std::vector<Command>& commands, const std::vector<Option>& globals,
                                   const Style& style);
// Of one command; `path` is how it is called: "push", "gpu check".
[[nodiscard]] std::string command_help(const Command& command, const std::string& path,
                                       const std::vector<Option>& globals, const Style& style);
// "mlctl push MODEL [OPTIONS]"
[[nodiscard]] std::string usage_line(const Command& command, const std::string& path);
[[nodiscard]] const char* group_title(Group group);
[[nodiscard]] const std::vector<Group>& all_groups();

}  // namespace mlctl::cli
