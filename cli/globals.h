// The options that every command has.
#pragma once
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/context.h"

namespace mlctl::cli {

struct Globals {
  std::string project = ".";
  std::string output = "text";
  bool quiet = false;
  bool verbose = false;
  bool no_progress = false;
  bool dry_run = false;
  bool plain_http = false;
  std::string ca_file;
  std::string stall_timeout = "60s";
  std::string timeout;
};

// Options of the table whose targets are in `globals`, which must outlive them.
[[nodiscard]] std::vector<Option> global_options(Globals& globals);
// --dry-run, for commands that change something.
[[nodiscard]] Option dry_run_option(Globals& globals);
void apply(const Globals& globals, Context& context);

// "dry-run" -> "MLCTL_DRY_RUN"
[[nodiscard]] std::string variable_of(const Option& option);

}  // namespace mlctl::cli
