#include "deploy/changes.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/deploy/support.h"

using namespace mlctl;
using namespace mlctl::deploy;
using Json = nlohmann::ordered_json;

namespace {
Json object(const std::string& rest) {
  return Json::parse(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"n"})" + rest + "}");
}
}  // namespace

TEST_CASE("a change names the fields that differ, before and after") {
  struct Case {
    const char* what;
    std::string live, desired, text;
  };
  for (const auto& c : std::vector<Case>{
           {"a value", R"(,"data":{"k":"1"})", R"(,"data":{"k":"2"})", "    data.k: \"1\" -> \"2\"\n"},
           {"a number that became a string", R"(,"n":1)", R"(,"n":"1")", "    n: 1 -> \"1\"\n"},
           {"a field more", "", R"(,"data":{"k":"2"})", "    data.k: (absent) -> \"2\"\n"},
           {"a field less", R"(,"data":{"k":"2"})", "", "    data.k: \"2\" -> (removed)\n"},
           {"an item of a list", R"(,"l":[{"a":1},{"a":2}])", R"(,"l":[{"a":1},{"a":3}])", "    l[1].a: 2 -> 3\n"},
           {"an empty map", R"(,"m":{})", R"(,"m":{"a":1})", "    m: {} -> (removed)\n    m.a: (absent) -> 1\n"},
           {"a key with a dot", R"(,"m":{"a.b":1})", R"(,"m":{"a.b":2})", "    m[\"a.b\"]: 1 -> 2\n"},
           {"what would move the cursor", R"(,"m":"\u001b[2J")", R"(,"m":"x")", "    m: \"\\u001b[2J\" -> \"x\"\n"},
       }) {
    CAPTURE(c.what);
    const auto set = diff({object(c.desired)}, {object(c.live)});
    CHECK(to_text(set, Style::plain()) ==
          "~ change ConfigMap n/a\n" + c.text + "0 to create, 1 to change, 0 to remove, 0 unchanged\n");
  }
}

TEST_CASE("the order of keys is no change, and the order of a list is one") {
  CHECK(diff({object(R"(,"a":1,"b":2)")}, {object(R"(,"b":2,"a":1)")}).empty());
  CHECK(!diff({object(R"(,"a":[1,2])")}, {object(R"(,"a":[2,1])")}).empty());
}

TEST_CASE("what is new is created first, what is gone is removed last") {
  auto other = object("");
  other["metadata"]["name"] = "b";
  const auto set = diff({other}, {object("")});
  REQUIRE(set.changes.size() == 2);
  CHECK(set.changes[0].kind == Change::Kind::create);
  CHECK(set.changes[1].kind == Change::Kind::remove);
  CHECK(to_json(set).at("changes")[1].at("change") == "remove");
  CHECK(diff({other}, {other}).unchanged == 1);
}

TEST_CASE("an apply of the same model twice changes nothing") {
  const auto objects = test::objects(test::spec());
  CHECK(diff(objects, objects).empty());
}

TEST_CASE("a value that somebody wrote where a reference belongs is not shown") {
  const auto desired = test::objects(test::spec("serving: {env: [{name: TOKEN, secret: {name: s, key: k}}]}"));
  auto live = desired;
  for (auto& one : live)
    if (key_of(one).kind == "Deployment") {
      auto& variable = one["spec"]["template"]["spec"]["containers"][0]["env"].back();
      variable.erase("valueFrom");
      variable["value"] = "hunter2";
    }
  const auto text = to_text(diff(desired, live), Style::plain());
  CHECK(text.find("hunter2") == std::string::npos);
  CHECK(text.find("(hidden) -> (removed)") != std::string::npos);
  CHECK(to_json(diff(desired, live)).dump().find("hunter2") == std::string::npos);
}
