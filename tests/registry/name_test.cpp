#include "registry/name.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <string>
#include <vector>

namespace mlctl::registry {
namespace {

TEST_CASE("parse_model_name") {
  struct Case {
    const char* name;
    std::string text;
    bool good;
  };
  const std::string longest(32, 'a');
  for (const auto& c : std::vector<Case>{
           {"one part", "credit-risk", true},
           {"tenant and name", "fraud/credit-risk", true},
           {"a single character", "a", true},
           {"starts with a digit", "3d", true},
           {"the longest", longest, true},
           {"one too long", longest + "a", false},
           {"empty", "", false},
           {"empty tenant", "/a", false},
           {"three parts", "a/b/c", false},
           {"upper case", "Fraud", false},
           {"ends with a dash", "a-", false},
           {"underscore", "a_b", false},
           {"dot", "a.b", false},
           {"parent folder", "..", false},
           {"escape sequence", "a\x1b[31m", false},
           {"not ASCII", "caf\xc3\xa9", false},
       }) {
    CAPTURE(c.name);
    auto model = parse_model_name(c.text);
    CHECK(static_cast<bool>(model) == c.good);
    if (model) CHECK(to_string(*model) == c.text);
    if (!model) {
      CHECK(model.error().kind == Error::Kind::usage);
      CHECK(model.error().message.find('\x1b') == std::string::npos);
    }
  }
}

TEST_CASE("parse_version takes semver 2.0.0 with a v and nothing else") {
  for (const char* text :
       {"v0.0.0", "v1.2.3", "v10.20.30", "v1.0.0-alpha", "v1.0.0-alpha.1", "v1.0.0-0.3.7", "v1.0.0-x.7.z.92",
        "v1.0.0+20130313144700", "v1.0.0-beta+exp.sha.5114f85", "v1.0.0+001", "v1.0.0--", "v1.2.3-a-b+c-d"}) {
    CAPTURE(text);
    auto version = parse_version(text);
    REQUIRE(version);
    CHECK(to_string(*version) == text);
    CHECK(*version_of_registry_tag(registry_tag(*version)) == *version);
    CHECK(registry_tag(*version).find('+') == std::string::npos);
  }
  for (const std::string& text :
       std::vector<std::string>{"", "v", "1.2.3", "v1.2", "v1.2.3.4", "v01.2.3", "v1.02.3", "v1.2.3-", "v1.2.3+",
                                "v1.2.3-01", "v1.2.3-a..b", "v1.2.3-a_b", "v1.2.3 ", "V1.2.3", "v-1.2.3", "v1.2.3+a+b",
                                "v99999999999999999999.0.0", "v1.2.3-" + std::string(100, 'a')}) {
    CAPTURE(text);
    CHECK_FALSE(parse_version(text));
  }
}

TEST_CASE("versions are in semver's order, build last") {
  // The chain of semver.org rule 11, and what it leaves equal.
  const std::vector<std::string> order{"v0.9.9",      "v1.0.0-alpha",  "v1.0.0-alpha.1", "v1.0.0-alpha.beta",
                                       "v1.0.0-beta", "v1.0.0-beta.2", "v1.0.0-beta.11", "v1.0.0-rc.1",
                                       "v1.0.0",      "v1.0.0+a",      "v1.0.0+b",       "v1.0.1",
                                       "v1.2.0",      "v1.10.0",       "v2.0.0"};
  for (std::size_t i = 0; i + 1 < order.size(); ++i) {
    CAPTURE(order[i]);
    CHECK(*parse_version(order[i]) < *parse_version(order[i + 1]));
    CHECK(*parse_version(order[i + 1]) > *parse_version(order[i]));
    CHECK(*parse_version(order[i]) == *parse_version(order[i]));
  }
}

TEST_CASE("next_version") {
  struct Case {
    const char* from;
    Bump bump;
    const char* to;
  };
  for (const auto& c : std::vector<Case>{
           {"v1.2.3", Bump::patch, "v1.2.4"},
           {"v1.2.3", Bump::minor, "v1.3.0"},
           {"v1.2.3", Bump::major, "v2.0.0"},
           {"v1.2.3-rc.1", Bump::patch, "v1.2.3"},
           {"v1.2.3-rc.1", Bump::minor, "v1.3.0"},
           {"v1.3.0-rc.1", Bump::minor, "v1.3.0"},
           {"v2.0.0-rc.1", Bump::major, "v2.0.0"},
           {"v2.1.0-rc.1", Bump::major, "v3.0.0"},
           {"v1.2.3+build", Bump::patch, "v1.2.4"},
       }) {
    CAPTURE(c.from);
    CHECK(to_string(next_version(*parse_version(c.from), c.bump)) == c.to);
  }
}

}  // namespace
}  // namespace mlctl::registry
