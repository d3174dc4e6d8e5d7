#include "release/record.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "base/filesystem.h"

namespace mlctl::release {
namespace {

constexpr const char* digest = "sha256:0011223344556677889900112233445566778899001122334455667788990011";

Outcome gate(const std::string& key, validate::Verdict verdict) {
  Outcome outcome{.step = {StepKind::gate, "staging"}, .key = key, .verdict = verdict, .summary = "as good as v1.0.0"};
  outcome.facts["tag"] = "m@v1.0.0";
  outcome.report = validate::Report{.kind = "gate", .model = "m"};
  outcome.report->checks.push_back({.name = "accuracy", .verdict = verdict, .reason = "because"});
  return outcome;
}

std::filesystem::path record_file(const std::filesystem::path& root) {
  return root / ".mlctl/releases" / (std::string(digest).substr(7) + ".json");
}

TEST_CASE("a record comes back as it was written") {
  auto folder = TemporaryFolder::create();
  REQUIRE(folder);
  Release release{.model = "m", .version = "v1.0.0", .digest = digest};
  release.outcomes.push_back(gate("k1", validate::Verdict::pass));
  REQUIRE(save_record(folder->path(), release, {}));
  const auto back = load_record(folder->path(), digest);
  REQUIRE(back.size() == 1);
  CHECK(back[0].step == Step{StepKind::gate, "staging"});
  CHECK(back[0].key == "k1");
  CHECK(back[0].summary == "as good as v1.0.0");
  CHECK(back[0].facts.at("tag") == "m@v1.0.0");
  REQUIRE(back[0].report);
  CHECK(back[0].report->checks.at(0).reason == "because");
}

TEST_CASE("an answer that this run has not reached yet is kept for the next") {
  auto folder = TemporaryFolder::create();
  REQUIRE(folder);
  Release release{.model = "m", .version = "v1.0.0", .digest = digest};
  release.outcomes.push_back({.step = {StepKind::resolve, ""}, .verdict = validate::Verdict::pass});
  REQUIRE(save_record(folder->path(), release, {gate("k1", validate::Verdict::pass)}));
  const auto back = load_record(folder->path(), digest);
  CHECK(find_answer(back, StepKind::gate, "k1") != nullptr);
}

TEST_CASE("what is not a record is an absent record") {
  auto folder = TemporaryFolder::create();
  REQUIRE(folder);
  struct Case {
    const char* name;
    const char* bytes;
  };
  for (const auto& c : std::vector<Case>{
           {"cut in the middle", R"({"schemaVersion":1,"steps":[{"st)"},
           {"another format version", R"({"schemaVersion":2,"steps":[]})"},
           {"a version of another type", R"({"schemaVersion":"1","steps":[]})"},
           {"steps that are no list", R"({"schemaVersion":1,"steps":{"step":"gate"}})"},
           {"a step that nobody knows", R"({"schemaVersion":1,"steps":[{"step":"dance","verdict":"pass"}]})"},
           {"a report of another shape",
            R"({"schemaVersion":1,"steps":[{"step":"gate","verdict":"pass","report":7}]})"},
           {"not JSON", "\x7f"},
       }) {
    CAPTURE(c.name);
    REQUIRE(write_file(record_file(folder->path()), c.bytes));
    CHECK(load_record(folder->path(), digest).empty());
  }
  CHECK(load_record(folder->path() / "nowhere", digest).empty());
}

}  // namespace
}  // namespace mlctl::release
