#include "cli/reference.h"

#include <cstdlib>
#include <doctest/doctest.h>

#include "base/filesystem.h"
#include "cli/commands.h"

using namespace mlctl;
using namespace mlctl::cli;

TEST_CASE("what is generated in docs/ is current") {
  const char* source = std::getenv("MLCTL_SOURCE");
  if (!source) {
    MESSAGE("skipped: MLCTL_SOURCE does not say where the sources are");
    return;
  }
  for (const auto& [name, text] :
       {std::pair<std::string, std::string>{"reference.md", command_reference(all_commands())},
        std::pair<std::string, std::string>{"configuration.md", file_reference()}}) {
    const auto path = std::filesystem::path(source) / "docs" / name;
    if (std::getenv("MLCTL_UPDATE_GOLDEN")) {
      REQUIRE(write_file(path, text));
      MESSAGE("skipped: docs/" << name << " was rewritten");
      continue;
    }
    const auto written = read_file(path, 1U << 20U);
    REQUIRE_MESSAGE(written, "docs/" << name << " cannot be read");
    CHECK_MESSAGE(*written == text,
                  "not current: rewrite with MLCTL_UPDATE_GOLDEN=1, or `mlctl reference` > docs/" << name);
  }
}
