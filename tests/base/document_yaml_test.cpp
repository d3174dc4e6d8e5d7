#include <chrono>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "base/config.h"
#include "base/document.h"

using namespace mlctl;

namespace {

std::string repeat(const std::string& text, std::size_t times) {
  std::string out;
  out.reserve(text.size() * times);
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

std::string billion_laughs() {
  std::string text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n";
  for (int i = 1; i < 10; ++i) {
    const auto alias = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + repeat(alias + ", ", 9) + alias + "]\n";
  }
  return text;
}

}  // namespace

TEST_CASE("parse_yaml keeps values, order and positions") {
  const auto root = parse_yaml("b: 1\na:\n  - x\n  - {é: 'no', z: ~}\n", "f.yaml");
  REQUIRE(root);
  CHECK(to_json(*root).dump() == R"({"b":1,"a":["x",{"é":"no","z":null}]})");
  CHECK(to_string(root->entries[1].position) == "f.yaml:2:1");
  const Node& inner = root->entries[1].value.items[1];
  CHECK(to_string(inner.position) == "f.yaml:4:5");
  CHECK(to_string(inner.entries[1].position) == "f.yaml:4:15");  // é counts once
  CHECK(inner.entries[0].value.quoted);
}

TEST_CASE("parse_yaml follows aliases and keeps an empty file empty") {
  const auto aliased = parse_yaml("a: &x {k: 1}\nb: *x\nc: [*x, *x]\n", "f");
  REQUIRE(aliased);
  CHECK(to_json(*aliased).dump() == R"({"a":{"k":1},"b":{"k":1},"c":[{"k":1},{"k":1}]})");
  const auto ended = parse_yaml("a: 1\n...\n", "f");
  REQUIRE(ended);
  CHECK(to_json(*ended).dump() == R"({"a":1})");
  const auto keep = parse_yaml("a: |+\n  x\n\nb: |\n  y\n", "f");
  REQUIRE(keep);
  CHECK(to_json(*keep).dump() == R"({"a":"x\n\n","b":"y\n"})");
  const auto empty = parse_yaml("# nothing\n", "f");
  REQUIRE(empty);
  CHECK(empty->kind == Node::Kind::null);
}

TEST_CASE("parse_yaml refuses") {
  struct Case {
    const char* name;
    std::string text;
    std::string message;
  };
  const std::string long_text(100'000, 'x');
  for (const auto& c : std::vector<Case>{
           {"a key that is there twice", "a: 1\nb: 2\na: 3\n",
            "f.yaml:3:1: the key 'a' is here twice, first in line 1"},
           {"the same in a flow map", "{a: 1, a: 2}", "f.yaml:1:8: the key 'a' is here twice, first in line 1"},
           {"a tab as indentation", "a:\n\tb: 1\n", "f.yaml:2:1: a tab in the indentation"},
           {"a list that never ends", "a: [1, 2\n", "f.yaml:2:1: end of sequence flow not found"},
           {"a quote that never ends", "a: \"b\n", "f.yaml:2:1: a quote that is never closed"},
           {"an alias to nothing", "a: *b\n", "f.yaml:1:4: the referenced anchor is not defined"},
           {"an alias to itself", "a: &a [*a]\n", "f.yaml:1:8: an alias to something that contains it"},
           {"a tag that constructs something", "a: !!python/object:os.system {}\n",
            "f.yaml:1:4: a YAML tag that mlctl does not know: tag:yaml.org,2002:python/object:os.system"},
           {"an escape that yaml-cpp reads wrongly", "a: \"\\N\"\n", "f.yaml:1:4: an escape that gives no character"},
           {"a zero byte behind an escape", "a: \"x\\0y\"\n", "f.yaml:1:4: a zero byte in a text"},
           {"a merge key", "a: &a {b: 1}\nc:\n  <<: *a\n", "f.yaml:3:3: merge keys (<<) are not supported"},
           {"a list as a key", "{[a]: 1}", "f.yaml:1:2: a key must be text, not a list or a map"},
           {"nothing as a key", "~: 1\n", "f.yaml:1:1: a key must be text"},
           {"two documents", "a: 1\n---\nb: 2\n", "f.yaml:3:1: more than one YAML document"},
           {"bytes that are not UTF-8", "a: b\nc: \xff\n", "f.yaml:2:4: not UTF-8"},
           {"an overlong encoding", "a: \xC0\xAF\n", "f.yaml:1:4: not UTF-8"},
           {"a terminal escape", "a: \x1b[2J\n", "f.yaml:1:4: a control character"},
           {"UTF-16", std::string("a\0:\0", 4), "f.yaml:1:2: a control character"},
           {"64 levels and one more", repeat("[", 65) + repeat("]", 65), "f.yaml:1:65: nested deeper than 64 levels"},
           {"block lists that are too deep", repeat("- ", 65) + "x", "f.yaml:1:129: nested deeper than 64 levels"},
           {"a billion laughs", billion_laughs(),
            "f.yaml:5:40: more than 100,000 values, anchors and aliases counted by what they hold"},
           {"one long text many times", "a: &a " + long_text + "\nb: [" + repeat("*a, ", 50) + "]\n",
            "f.yaml:2:161: anchors and aliases expand to more than 4 MiB of text"},
           {"anchors around anchors: each keeps everything within it",
            repeat("&a [", 60) + repeat("0,", 99'900) + repeat("]", 60) + "\n",
            "f.yaml:1:237: more than 100,000 values, anchors and aliases counted by what they hold"},
           {"anchors around one long text", repeat("&a [", 60) + long_text + repeat("]", 60) + "\n",
            "f.yaml:1:77: anchors and aliases expand to more than 4 MiB of text"},
           {"aliases that stack up depth",
            "a: &a " + repeat("[", 40) + repeat("]", 40) + "\nb: " + repeat("[", 30) + "*a" + repeat("]", 30) + "\n",
            "f.yaml:2:34: nested deeper than 64 levels"},
           {"more than a mebibyte", repeat("# padding\n", 110'000), "f.yaml: larger than 1 MiB"},
           {"too many values", "[" + repeat("1,", 100'001) + "]",
            "f.yaml:1:200002: more than 100,000 values, anchors and aliases counted by what they hold"},
       }) {
    INFO(std::string(c.name));
    const auto result = parse_yaml(c.text, "f.yaml");
    REQUIRE(!result);
    CHECK(result.error().kind == Error::Kind::usage);
    CHECK(result.error().message == c.message);
  }
}

TEST_CASE("parse_yaml is never slow: a mebibyte of any one thing") {
  for (const auto* unit :
       {"[",  "{", "- ", "? ",    "a: ",    "a: [",  "&a ", "!a ", "*a ",  "'",       "\"",   "|\n", "%A\n",
        ": ", ",", "#",  "---\n", "a: b\n", "- a\n", "\n",  "[],", "{}: ", "\"\\x41", "-\n ", "a\n", "  "}) {
    CAPTURE(unit);
    const std::string text = repeat(unit, document_limit / std::string(unit).size());
    const auto start = std::chrono::steady_clock::now();
    const auto result = parse_yaml(text, "f");
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    CHECK(took.count() < 10);  // seconds, with sanitizers on a busy machine; a quadratic reader needs minutes
    (void)result;
  }
}
