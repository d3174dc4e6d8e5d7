// Commands are data: the table that parses a command line also writes --help, completion and docs/reference.md.
// A command is one file: an options struct, a function that returns its Command, a run function without any rule about
// models in it.
//
//   Command push_command() {
//     auto options = std::make_shared<PushOptions>();
//     return {.name = "push", .group = Group::models, .summary = "…",
//             .arguments = {{.name = "MODEL", .help = "…", .target = &options->model, .required = true}},
//             .options = {{.name = "version", .value = "V", .help = "…", .target = &options->version}},
//             .changes = true,
//             .run = [options](Context& context) { return run_push(*options, context); }};
//   }
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace mlctl::cli {

class Context;

// Where a value goes. What the person did not say, by option or by variable, leaves the target as it is.
using Target = std::variant<bool*, std::string*, std::optional<std::string>*, std::vector<std::string>*, int*,
                            std::optional<int>*, std::optional<std::uint64_t>*>;

struct Option {
  std::string name;   // "dry-run" is --dry-run and MLCTL_DRY_RUN; of an argument as it is shown: "MODEL"
  char letter = 0;    // 'o' is -o
  std::string value;  // what the value is, upper-case: "DIR"; empty for a bool*
  std::string help;   // one line, lower-case, no full stop
  Target target;
  bool required = false;
  std::vector<std::string> choices;
  bool path = false;          // completed by file names
  std::string variable = {};  // of the environment, where MLCTL_NAME would mean something else
};

enum class Group { start, models, checks, cluster, release, other };

struct Command {
  std::string name;
  Group group = Group::other;
  std::string summary;      // one line for the list of commands
  std::string description;  // further lines; may be empty
  struct Example {
    std::string what, line;
  };
  std::vector<Example> examples;
  std::vector<Option> arguments;  // in order; a vector target takes all that are left
  std::vector<Option> options;
  bool changes = false;  // takes --dry-run (Context::dry_run)
  bool hidden = false;   // not in --help and not in the reference
  std::vector<std::string> aliases;
  std::vector<Command> commands;     // nested: `gpu check`; then there is no run
  std::function<int(Context&)> run;  // the exit code
};

}  // namespace mlctl::cli
