#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/context.h"

namespace mlctl::cli {
namespace {

int run_version(Context& context) {
  context.print({{"schemaVersion", 1}, {"version", MLCTL_VERSION}},
                [](const Style&) { return std::string("mlctl ") + MLCTL_VERSION + "\n"; });
  return 0;
}

}  // namespace

Command version_command() {
  return {.name = "version", .group = Group::other, .summary = "Print the version of mlctl", .run = run_version};
}

}  // namespace mlctl::cli
