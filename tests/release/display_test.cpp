#include "release/display.h"

#include <doctest/doctest.h>
#include <sstream>
#include <string>

namespace mlctl::release {
namespace {

Outcome outcome(StepKind kind, const std::string& environment, const std::string& summary) {
  return {.step = {kind, environment}, .verdict = validate::Verdict::pass, .summary = summary};
}

Release release_of(std::vector<Outcome> outcomes) {
  return {.model = "fraud/credit-risk",
          .version = "v1.2.0",
          .digest = "sha256:00",
          .commit = "c0ffee",
          .tag = "fraud/credit-risk@v1.2.0",
          .plan = plan_steps({"staging"}, false),
          .outcomes = std::move(outcomes)};
}

TEST_CASE("a line of the live tree is one row of the terminal, however long its notes are") {
  auto render = outcome(StepKind::render, "staging", "deploy/staging/fraud/credit-risk.yaml, 5 objects, " +
                                                         std::string(100, 's'));
  render.notes = {"a note that is far too long for any terminal: " + std::string(200, 'n')};
  const auto release = release_of({outcome(StepKind::resolve, "", "short"), render});
  for (const std::size_t width : {20, 80, 300}) {
    Style style{.color = true, .terminal = true, .animated = true, .width = width};
    std::istringstream tree(render_tree(release, std::nullopt, style)), live(render_live(release, std::nullopt, style));
    std::string whole, row;
    while (std::getline(tree, whole)) {
      REQUIRE(std::getline(live, row));
      CHECK(display_width(row) < width);
      CHECK((display_width(whole) >= width || row == whole));
    }
    CHECK_FALSE(std::getline(live, row));
  }
}

}  // namespace
}  // namespace mlctl::release
