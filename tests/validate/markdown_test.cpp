#include "validate/markdown.h"

#include <doctest/doctest.h>
#include <vector>

namespace mlctl::validate {
namespace {

TEST_CASE("markdown_text: nothing from outside is more than text") {
  struct Case {
    const char* name;
    const char* raw;
    const char* text;
  };
  for (const auto& c : std::vector<Case>{
           {"words, versions and times", "pass: 12:05, v1.2.0 (as in staging)", "pass: 12:05, v1.2.0 (as in staging)"},
           {"HTML", "<img src=x>&amp;", "&lt;img src=x&gt;&amp;amp;"},
           {"an end of the cell", "a|b", "a\\|b"},
           {"an image", "![a](b)", "\\!\\[a\\](b)"},
           {"emphasis, code and a backslash", "*_~`\\", "\\*\\_\\~\\`\\\\"},
           {"a heading or an issue", "#12", "\\#12"},
           {"a bare URL", "see https://a.example/x", "see https\\://a.example/x"},
           {"in capitals", "HTTP://A.EXAMPLE", "HTTP\\://A.EXAMPLE"},
           {"one without a scheme", "see www.a.example", "see www\\.a.example"},
           {"an address", "ada@a.example", "ada@<!-- -->a.example"},
           {"a team", "@org/team", "@<!-- -->org/team"},
           {"a line end and an escape", "a\nb\x1b[2J", "a ⏎ b\\\\x1b\\[2J"},
           {"lines that would be more than text", "a:\n::error::b\n\n# c\n- d", "a: ⏎ ::error::b ⏎  ⏎ \\# c ⏎ - d"},
           {"a tab", "a\tb", "a b"},
       }) {
    CAPTURE(c.name);
    CHECK(markdown_text(c.raw) == c.text);
  }
  CHECK(markdown_text(std::string(5000, 'x')) == std::string(2000, 'x') + " …");
}

TEST_CASE("cut_markdown keeps whole lines and never more than the limit") {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "a line\n";
  CHECK(cut_markdown(text, text.size()) == text);
  for (std::size_t limit = 0; limit < text.size(); ++limit) {
    CAPTURE(limit);
    const auto cut = cut_markdown(text, limit);
    CHECK(cut.size() <= limit);
    if (cut.empty()) continue;
    const auto end = cut.find("\nThe rest was cut");
    REQUIRE(end != std::string::npos);
    CHECK(text.compare(0, end, cut, 0, end) == 0);
    CHECK(end % 7 == 0);
  }
  CHECK(cut_markdown(text, 100).size() > 90);
  CHECK(cut_markdown(std::string(500, 'x'), 100) == "\nThe rest was cut: a step summary holds 1 MiB.\n");
}

}  // namespace
}  // namespace mlctl::validate
