#include "base/json_text.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <string>

using namespace mlctl;
using Json = nlohmann::ordered_json;

TEST_CASE("a value is written as nlohmann writes it, byte for byte") {
  for (const char* text : {
           "{}",
           "[]",
           "\"\"",
           "null",
           "true",
           "-7",
           "18446744073709551615",
           "0.1",
           "1e300",
           R"({"b":1,"a":[{},[],[1,"x",null]],"c":{"d":{"e":false}}})",
           R"({"quote\"d":"a\"b","back\\slash":"\\","line":"a\nb\tc\u0001","slash":"a/b"})",
           R"({"umlaut":"\u00fc","clef":"\ud834\udd1e","delete":"\u007f","zero":"\u0000"})",
       }) {
    CAPTURE(text);
    const Json value = Json::parse(text);
    CHECK(to_json_text(value) == value.dump(-1, ' ', false, Json::error_handler_t::replace));
  }
}

TEST_CASE("what is no UTF-8 is replaced, in keys too") {
  const Json value = {{"a\xff", "\xc3"}, {"b", std::string("x\xe2\x82y")}};
  CHECK(to_json_text(value) == value.dump(-1, ' ', false, Json::error_handler_t::replace));
  CHECK(to_json_text("\xff") == "\"\xef\xbf\xbd\"");
}
