// docs/reference.md and docs/configuration.md, from the tables of the commands and of the files. Pure.
#pragma once
#include <string>
#include <vector>

#include "cli/command.h"

namespace mlctl::cli {

[[nodiscard]] std::string command_reference(const std::vector<Command>& commands);
[[nodiscard]] std::string file_reference();
// Text inside a cell of a Markdown table.
[[nodiscard]] std::string markdown_cell(const std::string& text);

}  // namespace mlctl::cli
