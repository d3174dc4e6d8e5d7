#include "validate/rules.h"

#include <doctest/doctest.h>
#include <set>

namespace mlctl::validate {
namespace {

TEST_CASE("every rule says what is wrong, why it matters and what to do") {
  std::set<std::string_view> ids;
  for (const auto& rule : rules()) {
    CAPTURE(std::string(rule.id));
    CHECK(ids.insert(rule.id).second);
    CHECK_FALSE(rule.what.empty());
    CHECK_FALSE(rule.means.empty());
    CHECK_FALSE(rule.mend.empty());
    CHECK(explain_rule(rule.id, Style::plain()));
  }
}

TEST_CASE("an unknown rule names the nearest one") {
  const auto unknown = explain_rule("pickle-unresolve", Style::plain());
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().kind == Error::Kind::usage);
  CHECK(unknown.error().hint == "did you mean pickle-unresolved?");
}

TEST_CASE("findings: severity decides, the worst comes first, one rule cannot fill a report") {
  Findings findings("f");
  CHECK(findings.empty());
  findings.add("executable-weights", "mode 0755");
  auto taken = findings.take();
  CHECK(verdict_of(taken) == Verdict::pass);

  findings.add("executable-weights", "mode 0755");
  findings.add("pickle-unknown-import", "m.N");
  taken = findings.take();
  CHECK(taken[0].severity == Severity::medium);
  CHECK(verdict_of(taken) == Verdict::inconclusive);

  for (int i = 0; i < 25; ++i) findings.add("safetensors-tensor", std::to_string(i));
  taken = findings.take();
  CHECK(taken.size() == 21);
  CHECK(taken.back().message == "and 5 more like these");
  CHECK(verdict_of(taken) == Verdict::fail);
  CHECK(findings.take().empty());
}

}  // namespace
}  // namespace mlctl::validate
