#include "release/display.h"

#include <doctest/doctest.h>
#include <sstream>
#include <string>

#include "base/filesystem.h"
#include "release/report_files.h"

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

TEST_CASE("the tree says how far the running step is") {
  auto release = release_of({outcome(StepKind::resolve, "", "short")});
  release.plan = {{StepKind::resolve, ""}, {StepKind::push, ""}};
  const Running running{{StepKind::push, ""}, "3 of \x1b[2J5 files"};
  const auto tree = render_tree(release, running, {});
  CHECK(tree.find("running  3 of ") != std::string::npos);
  CHECK(tree.find('\x1b') == std::string::npos);
  CHECK(render_tree(release, Running{{StepKind::push, ""}, ""}, {}).find("running\n") != std::string::npos);
}

TEST_CASE("a line of the live tree is one row of the terminal, however long its notes are") {
  auto render = outcome(StepKind::render, "staging",
                        "deploy/staging/fraud/credit-risk.yaml, 5 objects, " + std::string(100, 's'));
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

TEST_CASE("Markdown of a release: what came from outside stays text") {
  auto assign = outcome(StepKind::assign, "staging", "by <b>@team https://a.example #1 ~x~ ![i](j) & | more");
  assign.notes = {"see www.a.example", std::string(5000, 'n')};
  const auto text = to_markdown(release_of({assign}));
  CHECK(text.find("by &lt;b&gt;@<!-- -->team https\\://a.example \\#1 \\~x\\~ \\!\\[i\\](j) &amp; \\| more") !=
        std::string::npos);
  CHECK(text.find("<br>see www\\.a.example<br>") != std::string::npos);
  CHECK(text.find(std::string(2001, 'n')) == std::string::npos);
  CHECK(text.find("tag `fraud/credit-risk@v1.2.0`") != std::string::npos);
}

Release with_reports(int count) {
  std::vector<Outcome> outcomes;
  for (int i = 0; i < count; ++i) {
    auto gate = outcome(StepKind::gate, "staging", "as good");
    gate.report = validate::Report{.kind = "gate", .model = "m"};
    gate.report->checks.push_back({.name = "accuracy", .verdict = validate::Verdict::pass});
    gate.report->checks[0].findings.assign(4000, {"r", validate::Severity::low, "f", std::string(100, 'x'), ""});
    outcomes.push_back(std::move(gate));
  }
  return release_of(std::move(outcomes));
}

TEST_CASE("a step summary never holds more than 1 MiB, however many reports and releases it has") {
  constexpr std::size_t limit = 1U << 20U;
  const auto one = with_reports(1);
  CHECK(to_markdown(one).find("The rest was cut") == std::string::npos);
  const auto five = to_markdown(with_reports(5));
  CHECK(five.size() <= limit);
  CHECK(five.find("The rest was cut") != std::string::npos);
  auto folder = TemporaryFolder::create();
  REQUIRE(folder);
  const auto summary = folder->path() / "summary.md";
  for (int i = 0; i < 5; ++i) REQUIRE(append_summary(summary, one));
  const auto text = read_file(summary, 8U << 20U);
  REQUIRE(text);
  CHECK(text->size() <= limit);
  CHECK(text->starts_with("## fraud/credit-risk v1.2.0"));
  CHECK(text->find("The rest was cut") != std::string::npos);
}

}  // namespace
}  // namespace mlctl::release
