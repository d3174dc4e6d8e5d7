#include "release/undo.h"

#include <doctest/doctest.h>
#include <optional>
#include <string>
#include <vector>

#include "release/fleet.h"

using namespace mlctl;
using namespace mlctl::release;
using registry::GitTag;
using registry::ModelTags;

namespace {
const registry::ModelName model{"", "m"};

std::string digest_text(int version) {
  return "sha256:" + std::string(63, '0') + std::to_string(version);
}
Result<Digest> nobody_knows(const registry::Assignment&) {
  return Error{Error::Kind::unavailable, "no bytes", ""};
}

std::string commit(int version) {
  return std::string(39, 'c') + std::to_string(version);
}

// v1.0.0 … v5.0.0 are registered, the last with the files of the one before it; the rest is what `events` say, in
// order, numbered from 1: "3" assigns version 3, "2 denied 3" is the way back, "none" and "none denied 3" unassign.
ModelTags tags_after(const std::vector<std::string>& events, bool with_digests = true) {
  std::vector<GitTag> tags;
  const auto add = [&](const std::string& name, int version, const std::string& lines) {
    tags.push_back({name,
                    commit(version),
                    true,
                    name + "\n\n" + lines,
                    {"a", "a@b", WallTime(std::chrono::seconds(tags.size()))}});
  };
  const auto digest = [&](int version) {
    return with_digests ? "digest: " + digest_text(version == 5 ? 4 : version) + "\n" : std::string();
  };
  for (int v = 1; v <= 5; ++v) add("m@v" + std::to_string(v) + ".0.0", v, digest(v));
  int n = 0;
  for (const auto& event : events) {
    const auto number = std::to_string(++n);
    const auto denied =
        event.find("denied ") == std::string::npos ? "" : "denied: " + digest_text(event.back() - '0') + "\n";
    if (event.starts_with("none"))
      add("m#prod!#" + number, 1, denied);
    else
      add("m#prod#" + number, event[0] - '0',
          "version: v" + event.substr(0, 1) + ".0.0\n" + digest(event[0] - '0') + denied);
  }
  return {model, tags};
}
}  // namespace

TEST_CASE("undo goes back to the newest older version that was not undone itself") {
  struct Case {
    const char* what;
    std::vector<std::string> events;
    std::string from, to;  // "" when unassigned
  };
  for (const auto& c : std::vector<Case>{
           {"the one before", {"1", "2"}, "v2.0.0", "v1.0.0"},
           {"nothing older", {"1"}, "v1.0.0", ""},
           {"the same version twice", {"1", "2", "2"}, "v2.0.0", "v1.0.0"},
           {"a second undo", {"1", "2", "3", "2 denied 3"}, "v2.0.0", "v1.0.0"},
           {"an undo to nothing", {"1", "2", "1 denied 2"}, "v1.0.0", ""},
           {"a new version after an undo", {"1", "2", "1 denied 2", "3"}, "v3.0.0", "v1.0.0"},
           {"assigned again after nothing", {"1", "none", "2"}, "v2.0.0", "v1.0.0"},
           {"another configuration of the same files", {"1", "4", "5"}, "v5.0.0", "v4.0.0"},
           {"the same, and nothing older", {"4", "5"}, "v5.0.0", "v4.0.0"},
           {"back from there", {"1", "4", "5", "4"}, "v4.0.0", "v1.0.0"},
       }) {
    CAPTURE(c.what);
    const auto plan = plan_undo(tags_after(c.events), "prod", nobody_knows);
    REQUIRE_MESSAGE(plan, plan.error().message);
    CHECK(to_string(plan->from.version) == c.from);
    CHECK((plan->to ? to_string(plan->to->version) : "") == c.to);
    CHECK(plan->n == c.events.size() + 1);
    REQUIRE(plan->from.digest);
    // What it goes back to is never denied.
    CHECK(plan->denied.has_value() == !(plan->to && plan->to->digest == plan->from.digest));
  }
}

TEST_CASE("nobody goes back to what was aborted before it had all traffic") {
  struct Case {
    const char* what;
    std::vector<std::string> events;
    std::set<std::uint64_t> aborted;
    std::string to;
  };
  for (const auto& c : std::vector<Case>{{"rolled forward after it", {"1", "2", "3"}, {2}, "v1.0.0"},
                                         {"it is what is gone back from", {"1", "2"}, {2}, "v1.0.0"},
                                         {"two of them", {"1", "2", "3", "4"}, {2, 3}, "v1.0.0"},
                                         {"nothing else is older", {"1", "2"}, {1}, ""},
                                         {"tried again, and promoted", {"1", "2", "2", "3"}, {2}, "v2.0.0"}}) {
    CAPTURE(c.what);
    const auto plan = plan_undo(tags_after(c.events), "prod", nobody_knows, c.aborted);
    REQUIRE(plan);
    CHECK((plan->to ? to_string(plan->to->version) : "") == c.to);
  }
}

TEST_CASE("there is no way back from nothing") {
  for (const auto& events : std::vector<std::vector<std::string>>{{}, {"1", "none"}}) {
    const auto plan = plan_undo(tags_after(events), "prod", nobody_knows);
    REQUIRE(!plan);
    CHECK(plan.error().kind == Error::Kind::not_found);
  }
}

TEST_CASE("tags made by hand record no digest: it is found, or nothing is done") {
  const auto find = [](const registry::Assignment& assignment) {
    return parse_digest(digest_text(static_cast<int>(assignment.version.major)));
  };
  const auto plan = plan_undo(tags_after({"1", "2"}, false), "prod", find);
  REQUIRE_MESSAGE(plan, plan.error().message);
  REQUIRE(plan->to);
  CHECK(to_string(*plan->to->digest) == digest_text(1));
  CHECK(to_string(*plan->from.digest) == digest_text(2));
  const auto unknown = plan_undo(tags_after({"1", "2"}, false), "prod", nobody_knows);
  REQUIRE(!unknown);
  CHECK(unknown.error().message == "m#prod#2 records no digest: no bytes");
}

TEST_CASE("an undo that was killed before its commit is unfinished") {
  struct Case {
    const char* what;
    std::vector<std::string> events;
    std::optional<std::uint64_t> live;
    bool unfinished;
    std::string has_all = {};  // traffic, of a cluster
  };
  for (const auto& c : std::vector<Case>{
           {"a rollout ended on the way back: the version before serves by its old number",
            {"1", "2", "3", "2 denied 3"},
            2,
            false,
            digest_text(2)},
           {"another version has the traffic", {"1", "2", "1 denied 2"}, 2, true, digest_text(2)},
           {"the folder does not have it yet", {"1", "2", "1 denied 2"}, 2, true},
           {"the folder has it", {"1", "2", "1 denied 2"}, 3, false},
           {"the folder lost its file", {"1", "2", "1 denied 2"}, std::nullopt, true},
           {"a file that should be gone", {"1", "none denied 1"}, 1, true},
           {"a file that is gone", {"1", "none denied 1"}, std::nullopt, false},
           {"the newest is no way back", {"1", "2"}, 1, false},
           {"a newer assignment after the way back", {"1", "2", "1 denied 2", "3"}, 2, false},
           {"nothing ever", {}, std::nullopt, false},
       }) {
    CAPTURE(c.what);
    CHECK(is_unfinished(tags_after(c.events), "prod", {.n = c.live, .digest = c.has_all}) == c.unfinished);
  }
}

TEST_CASE("the newest number counts assignments and unassignments of the stage alone") {
  CHECK(newest_number(tags_after({}), "prod") == 0);
  CHECK(newest_number(tags_after({"1", "none"}), "prod") == 2);
  CHECK(newest_number(tags_after({"1", "none"}), "staging") == 0);
}

TEST_CASE("tags are told apart by model in one pass") {
  const auto sorted =
      by_model({{.name = "a@v1.0.0"}, {.name = "t/b#prod#1"}, {.name = "a#prod#2"}, {.name = "release-1"}});
  CHECK(sorted.size() == 2);
  CHECK(sorted.at({"", "a"}).size() == 2);
}
