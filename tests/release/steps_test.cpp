#include "release/steps.h"

#include <doctest/doctest.h>

namespace mlctl::release {
namespace {

std::vector<std::string> names(const std::vector<Step>& steps) {
  std::vector<std::string> out;
  for (const auto& step : steps) out.push_back(to_string(step));
  return out;
}

TEST_CASE("plan_steps: every environment has its four steps, in order; gpu only where it is asked for") {
  CHECK(names(plan_steps({}, false)) == std::vector<std::string>{"resolve", "push", "validate", "report"});
  CHECK(names(plan_steps({"staging", "prod"}, true)) ==
        std::vector<std::string>{"resolve", "push", "validate", "gpu", "gate staging", "render staging",
                                 "assign staging", "apply staging", "gate prod", "render prod", "assign prod",
                                 "apply prod", "report"});
}

TEST_CASE("key_of: anything that the answer depends on changes it, nothing else does") {
  const KeyParts base{.step = StepKind::gate,
                      .candidate = digest_of("a"),
                      .baseline = digest_of("b"),
                      .configuration = "{}",
                      .data = {{"golden.json", digest_of("g")}},
                      .version = "1"};
  CHECK(key_of(base) == key_of(base));
  struct Case {
    const char* name;
    void (*change)(KeyParts&);
  };
  for (const auto& c : std::vector<Case>{
           {"another step", [](KeyParts& k) { k.step = StepKind::validate; }},
           {"another candidate", [](KeyParts& k) { k.candidate = digest_of("x"); }},
           {"another baseline", [](KeyParts& k) { k.baseline = digest_of("x"); }},
           {"no baseline", [](KeyParts& k) { k.baseline.reset(); }},
           {"another configuration", [](KeyParts& k) { k.configuration = "{ }"; }},
           {"data with other bytes", [](KeyParts& k) { k.data["golden.json"] = digest_of("x"); }},
           {"the same data under another name", [](KeyParts& k) { k.data = {{"cases.json", digest_of("g")}}; }},
           {"another mlctl", [](KeyParts& k) { k.version = "2"; }},
           {"text moved from one part to the next", [](KeyParts& k) { k.configuration = "{}1", k.version = ""; }},
       }) {
    CAPTURE(c.name);
    auto changed = base;
    c.change(changed);
    CHECK(key_of(changed) != key_of(base));
  }
}

TEST_CASE("find_answer: only an answer that passed is used again") {
  Outcome outcome{.step = {StepKind::gate, "staging"}, .key = "k", .verdict = validate::Verdict::pass};
  CHECK(find_answer({outcome}, StepKind::gate, "k") != nullptr);
  CHECK(find_answer({outcome}, StepKind::gate, "other") == nullptr);
  CHECK(find_answer({outcome}, StepKind::validate, "k") == nullptr);
  for (const auto verdict : {validate::Verdict::fail, validate::Verdict::inconclusive, validate::Verdict::skipped,
                             validate::Verdict::error}) {
    outcome.verdict = verdict;
    CHECK(find_answer({outcome}, StepKind::gate, "k") == nullptr);
  }
}

TEST_CASE("release_order") {
  struct Case {
    const char* name;
    std::vector<After> environments;
    std::vector<std::string> order;  // empty: refused
  };
  for (const auto& c : std::vector<Case>{
           {"the order of the file where nothing comes after anything", {{"b", ""}, {"a", ""}}, {"b", "a"}},
           {"after wins over the order of the file", {{"prod", "staging"}, {"staging", ""}}, {"staging", "prod"}},
           {"a chain", {{"c", "b"}, {"b", "a"}, {"a", ""}}, {"a", "b", "c"}},
           {"a circle is refused", {{"a", "b"}, {"b", "a"}}, {}},
           {"after itself is refused", {{"a", "a"}}, {}},
           {"after what is not there is refused", {{"a", "nowhere"}}, {}},
       }) {
    CAPTURE(c.name);
    const auto order = release_order(c.environments);
    REQUIRE(bool(order) == !c.order.empty());
    if (order)
      CHECK(*order == c.order);
    else
      CHECK(order.error().kind == Error::Kind::usage);
  }
}

TEST_CASE("verdict_of: a release that stopped is as bad as the step that stopped it") {
  Release release;
  release.plan = plan_steps({}, false);
  CHECK(verdict_of(release) == validate::Verdict::error);
  CHECK(verdict_of(Release{}) == validate::Verdict::error);  // nothing done is never a release
  for (const auto& step : release.plan) release.outcomes.push_back({.step = step, .verdict = validate::Verdict::pass});
  CHECK(verdict_of(release) == validate::Verdict::pass);
  release.outcomes.pop_back();
  CHECK(verdict_of(release) == validate::Verdict::error);
  release.outcomes.back().verdict = validate::Verdict::inconclusive;
  CHECK(verdict_of(release) == validate::Verdict::inconclusive);
}

}  // namespace
}  // namespace mlctl::release
