#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "base/document.h"

using namespace mlctl;

TEST_CASE("parse_json reads what JSON allows") {
  const auto value = parse_json(R"( {"a": [1, -2, 2.5, true, null, "é\u00e9"], "b": {}} )", "x");
  REQUIRE(value);
  CHECK(value->dump() == R"({"a":[1,-2,2.5,true,null,"éé"],"b":{}})");
  CHECK(parse_json("3", "x"));
  CHECK(parse_json(std::string(64, '[') + std::string(64, ']'), "x"));
}

TEST_CASE("parse_json refuses, and says where") {
  struct Case {
    const char* name;
    std::string text;
    std::string message;
  };
  for (const auto& c : std::vector<Case>{
           {"nothing", "", "x:1:1: unexpected end of input"},
           {"an end that is missing", "{\"a\":\n [1,", "x:2:5: unexpected end of input"},
           {"a key that is there twice", "{\"a\": 1,\n \"a\": 2}", "x:2:4: the key 'a' is here twice"},
           {"65 levels", std::string(65, '[') + std::string(65, ']'), "x:1:65: nested deeper than 64 levels"},
           {"not a number", "[NaN]", "x:1:2: invalid literal"},
           {"a number beyond doubles", "[1e999]", "x:1:6: a number that is too large"},
           {"bytes that are not UTF-8", "\"\xff\"", "x:1:2: invalid string: ill-formed UTF-8 byte"},
           {"more than one value", "{} {}", "x:1:4: unexpected '{'"},
           {"a comment", "/* c */ {}", "x:1:1: invalid literal"},
       }) {
    INFO(std::string(c.name));
    const auto result = parse_json(c.text, "x");
    REQUIRE(!result);
    CHECK(result.error().kind == Error::Kind::usage);
    CHECK(result.error().message == c.message);
  }
}
