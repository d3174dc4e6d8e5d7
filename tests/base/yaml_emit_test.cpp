#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "base/config.h"
#include "base/document.h"

using namespace mlctl;
using Json = nlohmann::ordered_json;

TEST_CASE("to_yaml writes block style in the order given") {
  const auto value = Json::parse(R"({"kind":"Deployment","spec":{"replicas":2,"args":["-c","a: b"],"empty":{},"none":[],
    "containers":[{"name":"x","ports":[{"port":80}]},[1,[2]],"t"]},"script":"#!/bin/sh\nexit 0\n","ratio":0.5})");
  CHECK(to_yaml(value) == R"(kind: Deployment
spec:
  replicas: 2
  args:
    - "-c"
    - "a: b"
  empty: {}
  none: []
  containers:
    - name: x
      ports:
        - port: 80
    - - 1
      - - 2
    - t
script: |
  #!/bin/sh
  exit 0
ratio: 0.5
)");
}

TEST_CASE("to_yaml quotes whatever some reader could take for something else") {
  struct Case {
    const char* text;
    const char* yaml;
  };
  for (const auto& c : std::vector<Case>{
           {"plain words", "plain words"},
           {"500m", "500m"},
           {"1Gi", "1Gi"},
           {"5%", "5%"},
           {"a:b", "a:b"},
           {"registry.example/m@sha256:00", "registry.example/m@sha256:00"},
           {"v1.2.3", "v1.2.3"},
           {"", "\"\""},
           {"yes", "\"yes\""},
           {"No", "\"No\""},
           {"NULL", "\"NULL\""},
           {"~", "\"~\""},
           {"n", "\"n\""},
           {"12", "\"12\""},
           {"0x1F", "\"0x1F\""},
           {"1e5", "\"1e5\""},
           {"1_000", "\"1_000\""},
           {"12:30:45", "\"12:30:45\""},
           {"2026-11-22", "\"2026-11-22\""},
           {"-", "\"-\""},
           {".5", "\".5\""},
           {"a: b", "\"a: b\""},
           {"a #b", "\"a #b\""},
           {"a:", "\"a:\""},
           {"*a", "\"*a\""},
           {"{a}", "\"{a}\""},
           {"a\tb", "\"a\\tb\""},
           {"\x1b[2J", "\"\\x1b[2J\""},
           {"\x7f", "\"\\x7f\""},
           {"\xC2\x85", "\"\\x85\""},
           {"\xE2\x80\xA8", "\"\\L\""},
           {"é", "\"é\""},
           {"<<", "\"<<\""},
           {"=", "\"=\""},
           {"\"", "\"\\\"\""},
           {"a\nb", "|-\n  a\n  b"},
           {"a\n", "|\n  a"},
       }) {
    INFO(std::string(c.text));
    CHECK(to_yaml(c.text) == std::string(c.yaml) + "\n");
  }
}

TEST_CASE("what to_yaml writes, parse_yaml reads back") {
  const std::vector<Json> values = {"a\n",
                                    "a\n\n",
                                    "a\nb",
                                    " a\nb",
                                    "a \nb",
                                    "a\n\n  b\n",
                                    "\n",
                                    "\n\n",
                                    "#\n",
                                    "- a\n- b",
                                    "a\\nb",
                                    "'",
                                    "\"",
                                    "é\nü",
                                    "---\na",
                                    "...",
                                    "? x",
                                    "a\r\nb",
                                    "\t",
                                    "x\ty\nz",
                                    "\xC2\x85",
                                    "true",
                                    "0.1",
                                    1.5,
                                    1e300,
                                    1e-7,
                                    -3,
                                    18446744073709551615U,
                                    true,
                                    nullptr,
                                    Json::array(),
                                    Json::object(),
                                    Json::array({Json::array({Json::object({{"a b: c", "1"}, {"", 2}})})})};
  for (const auto& value : values) {
    const Json wrapped = {{"key", value}, {"list", {value, {{"in", value}}}}};
    const auto yaml = to_yaml(wrapped);
    INFO(yaml);
    const auto back = parse_yaml(yaml, "f");
    REQUIRE(back);
    if (value == 18446744073709551615U) continue;  // read as a double: no configuration value is that large
    CHECK(to_json(*back) == wrapped);
  }
}
