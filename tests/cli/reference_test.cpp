#include <cstdlib>
#include <doctest/doctest.h>
#include <sstream>

#include "base/filesystem.h"
#include "cli/commands.h"
#include "cli/run.h"

using namespace mlctl;
using namespace mlctl::cli;

TEST_CASE("docs/reference.md is what `mlctl reference` prints") {
  const char* source = std::getenv("MLCTL_SOURCE");
  if (!source) {
    MESSAGE("skipped: MLCTL_SOURCE does not say where the sources are");
    return;
  }
  const auto path = std::filesystem::path(source) / "docs/reference.md";
  std::ostringstream out;
  std::ostringstream err;
  ManualClock clock;
  Context context(out, err, Style::plain(), Style::plain(), clock);
  REQUIRE(run(all_commands(), {"reference"}, context) == 0);
  if (std::getenv("MLCTL_UPDATE_GOLDEN")) {
    REQUIRE(write_file(path, out.str()));
    MESSAGE("skipped: docs/reference.md was rewritten");
    return;
  }
  const auto written = read_file(path, 1U << 20U);
  REQUIRE_MESSAGE(written, "docs/reference.md cannot be read");
  CHECK_MESSAGE(*written == out.str(), "run: mlctl reference > docs/reference.md");
}
