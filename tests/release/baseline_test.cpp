#include "release/baseline.h"

#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "base/filesystem.h"
#include "release/target.h"

namespace mlctl::release {
namespace {

const registry::ModelName model{"", "m"};

std::string version_text(int version) {
  return "v" + std::to_string(version) + ".0.0";
}

// v1.0.0 to v3.0.0, registered in that order; then `events` in prod, numbered from 1: "2" assigns version 2, "2 denied
// 3" is the way back from 3, "none" unassigns. Tags of version `by_hand` record no digest.
std::vector<registry::GitTag> tags_after(const std::vector<std::string>& events, int by_hand = 0) {
  std::vector<registry::GitTag> tags;
  const auto add = [&](const std::string& name, int version, const std::string& lines) {
    registry::GitTag tag{name, std::string(39, 'c') + std::to_string(version), true, name + "\n\n" + lines, {}, {}};
    tag.tagger = {"a", "a@b", WallTime(std::chrono::seconds(tags.size()))};
    tags.push_back(std::move(tag));
  };
  const auto digest = [&](const char* line, int version) {
    return version == by_hand ? std::string() : line + to_string(digest_of(version_text(version))) + "\n";
  };
  for (int v = 1; v <= 3; ++v) add("m@" + version_text(v), v, digest("digest: ", v));
  for (std::size_t i = 0; i < events.size(); ++i) {
    const auto& event = events[i];
    const auto n = std::to_string(i + 1);
    const auto denied = event.find("denied") == std::string::npos ? "" : digest("denied: ", event.back() - '0');
    const int version = event[0] - '0';
    if (event.starts_with("none"))
      add("m#prod!#" + n, 1, denied);
    else
      add("m#prod#" + n, version, "version: " + version_text(version) + "\n" + digest("digest: ", version) + denied);
  }
  return tags;
}

TEST_CASE("baselines: what the environment ran, without the candidate and what was gone back from") {
  const auto folder = TemporaryFolder::create();
  REQUIRE(folder);
  auto store = registry::open_disk_store(folder->path() / "registry");
  REQUIRE(store);
  struct Case {
    const char* name;
    std::vector<std::string> events;
    int candidate;
    std::string expected;  // versions, newest first
    int by_hand = 0;
  };
  for (const auto& c : std::vector<Case>{
           {"nothing ran", {}, 1, ""},
           {"what runs now", {"1", "2"}, 3, "2 1 "},
           {"the candidate runs already", {"1", "2"}, 2, "1 "},
           {"gone back from", {"1", "2", "1 denied 2"}, 3, "1 1 "},
           {"gone back to nothing", {"1", "none denied 1"}, 2, ""},
           {"only unassigned", {"1", "none"}, 2, "1 "},
           {"a tag without a digest is told apart by its version", {"1", "2"}, 2, "1 ", 2},
       }) {
    CAPTURE(c.name);
    const registry::ModelTags tags(model, tags_after(c.events, c.by_hand));
    const Judged candidate{digest_of(version_text(c.candidate)), *registry::parse_version(version_text(c.candidate))};
    const auto found = baselines(**store, tags, "prod", candidate);
    REQUIRE(found);
    std::string versions;
    for (const auto& one : *found) versions += to_string(one.version).substr(1, 1) + " ";
    CHECK(versions == c.expected);
  }
}

TEST_CASE("pending: what was registered after the newest assignment, taken back or not") {
  Project project;
  deploy::Environment prod;
  prod.name = "prod";
  project.environments = {prod};
  struct Case {
    const char* name;
    std::vector<std::string> events;
    std::string expected;
  };
  for (const auto& c : std::vector<Case>{
           {"never assigned: all", {}, "1 2 3 "},
           {"the newest runs", {"3"}, ""},
           {"the newest was unassigned", {"3", "none"}, ""},
           {"the newest was gone back from", {"2", "3", "2 denied 3"}, ""},
       }) {
    CAPTURE(c.name);
    const auto waiting = pending(project, tags_after(c.events), {model});
    REQUIRE(waiting);
    std::string versions;
    for (const auto& one : *waiting) versions += to_string(one.tag.version).substr(1, 1) + " ";
    CHECK(versions == c.expected);
  }
}

}  // namespace
}  // namespace mlctl::release
