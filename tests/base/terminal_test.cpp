#include "base/terminal.h"

#include <array>
#include <cstdlib>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <map>
#include <string>
#include <unistd.h>
#include <vector>

#include "base/filesystem.h"

using mlctl::Style;
using namespace std::string_literals;

namespace {

// The variables that style_of() reads, set for a while; all others of them unset.
class Variables {
 public:
  explicit Variables(const std::map<std::string, std::string>& values) {
    for (const char* name : {"NO_COLOR", "CLICOLOR_FORCE", "TERM", "COLUMNS", "LINES", "LC_ALL", "LC_CTYPE", "LANG"}) {
      const char* before = std::getenv(name);
      if (before != nullptr) before_[name] = before;
      names_.push_back(name);
      ::unsetenv(name);
    }
    for (const auto& [name, value] : values) ::setenv(name.c_str(), value.c_str(), 1);
  }
  ~Variables() {
    for (const auto& name : names_) {
      ::unsetenv(name.c_str());
      if (before_.count(name) != 0) ::setenv(name.c_str(), before_[name].c_str(), 1);
    }
  }
  Variables(const Variables&) = delete;
  Variables& operator=(const Variables&) = delete;

 private:
  std::vector<std::string> names_;
  std::map<std::string, std::string> before_;
};

struct Pipe {
  mlctl::File out;
  mlctl::File in;
  Pipe() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == 0);
    out = mlctl::File(ends[0]);
    in = mlctl::File(ends[1]);
  }
  [[nodiscard]] std::string text() const {
    std::array<char, 4096> buffer{};
    const auto got = ::read(out.fd(), buffer.data(), buffer.size());
    return {buffer.data(), got < 0 ? 0 : static_cast<std::size_t>(got)};
  }
};

}  // namespace

TEST_CASE("the style follows the terminal and the environment") {
  const mlctl::File pty(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  REQUIRE(pty.fd() >= 0);
  REQUIRE(::unlockpt(pty.fd()) == 0);
  const mlctl::File terminal(::open(::ptsname(pty.fd()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  REQUIRE(terminal.fd() >= 0);
  const Pipe pipe;
  struct Case {
    const char* name;
    bool on_terminal;
    std::map<std::string, std::string> variables;
    bool color, unicode, is_terminal, animated;
    std::size_t width;
  };
  const Case cases[] = {
      {"terminal", true, {{"TERM", "xterm"}, {"LANG", "C.UTF-8"}}, true, true, true, true, 80},
      {"TERM=dumb", true, {{"TERM", "dumb"}}, false, false, true, false, 80},
      {"no TERM", true, {}, false, false, true, false, 80},
      {"NO_COLOR", true, {{"TERM", "xterm"}, {"NO_COLOR", "1"}}, false, false, true, true, 80},
      {"empty NO_COLOR counts as unset", true, {{"TERM", "xterm"}, {"NO_COLOR", ""}}, true, false, true, true, 80},
      {"COLUMNS", true, {{"TERM", "xterm"}, {"COLUMNS", "132"}}, true, false, true, true, 132},
      {"COLUMNS that is no number", true, {{"TERM", "xterm"}, {"COLUMNS", "wide"}}, true, false, true, true, 80},
      {"pipe", false, {{"TERM", "xterm"}, {"LANG", "de_DE.utf8"}}, false, true, false, false, 80},
      {"CLICOLOR_FORCE in a pipe", false, {{"CLICOLOR_FORCE", "1"}}, true, false, false, false, 80},
      {"CLICOLOR_FORCE=0", false, {{"CLICOLOR_FORCE", "0"}}, false, false, false, false, 80},
      {"NO_COLOR wins", false, {{"CLICOLOR_FORCE", "1"}, {"NO_COLOR", "1"}}, false, false, false, false, 80},
      {"LC_ALL before LANG", false, {{"LC_ALL", "C"}, {"LANG", "C.UTF-8"}}, false, false, false, false, 80},
      {"LC_CTYPE before LANG", false, {{"LC_CTYPE", "C.UTF-8"}, {"LANG", "C"}}, false, true, false, false, 80},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    const Variables variables(c.variables);
    const Style style = mlctl::style_of(c.on_terminal ? terminal.fd() : pipe.in.fd());
    CHECK(style.color == c.color);
    CHECK(style.unicode == c.unicode);
    CHECK(style.terminal == c.is_terminal);
    CHECK(style.animated == c.animated);
    CHECK(style.width == c.width);
  }
}

TEST_CASE("strings from outside cannot act on a terminal") {
  struct Case {
    const char* name;
    std::string text;
    const char* escaped;
  };
  const Case cases[] = {
      {"plain text and UTF-8 stay", "caf\u00e9 \u2713 \U0001F600", "caf\u00e9 \u2713 \U0001F600"},
      {"escape sequence", "\x1b[31mred", "\\x1b[31mred"},
      {"title change with bell", "\x1b]0;x\a", "\\x1b]0;x\\x07"},
      {"NUL", "a\0b"s, "a\\x00b"},
      {"carriage return", "good\rbad", "good\\x0dbad"},
      {"DEL", "\x7f", "\\x7f"},
      {"newline and tab", "a\nb\tc", "a\\x0ab\\x09c"},
      {"C1 as UTF-8", "\u009b2J", "\\u{9b}2J"},
      {"C1 as a bare byte",
       "\x9b"
       "2J",
       "\\x9b2J"},
      {"right-to-left override", "a\u202etxt.exe", "a\\u{202e}txt.exe"},
      {"isolate", "\u2066x\u2069", "\\u{2066}x\\u{2069}"},
      {"line separator", "\u2028", "\\u{2028}"},
      {"overlong slash", "\xc0\xaf", "\\xc0\\xaf"},
      {"overlong escape in three bytes", "\xe0\x80\x9b", "\\xe0\\x80\\x9b"},
      {"surrogate", "\xed\xa0\x80", "\\xed\\xa0\\x80"},
      {"above U+10FFFF", "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
      {"cut off at the end", "\xe2\x9c", "\\xe2\\x9c"},
      {"cut off by ASCII",
       "\xe2\x9c"
       "A",
       "\\xe2\\x9c"
       "A"},
      {"lone continuation", "\x80", "\\x80"},
      {"0xff", "\xff", "\\xff"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    CHECK(mlctl::escape_control(c.text) == c.escaped);
  }
  CHECK(mlctl::escape_control("a\nb\tc\r", true) == "a\nb\tc\\x0d");
  CHECK(mlctl::shell_word("models/a-1.yaml") == "models/a-1.yaml");
  CHECK(mlctl::shell_word("my model") == "'my model'");
  CHECK(mlctl::shell_word("it's #1; $x") == "'it'\\''s #1; $x'");
  CHECK(mlctl::shell_word("") == "''");
}

TEST_CASE("tables are aligned by code points") {
  const mlctl::Rows rows = {
      {"credit-risk", "v1.2.3", "a long description that goes on"}, {"\u00e9", "v1", "short"}, {"x"}};
  Style terminal = Style::plain();
  terminal.terminal = true;
  terminal.width = 40;
  CHECK(mlctl::render_table({"name", "version", "note"}, rows, terminal) ==
        "NAME         VERSION  NOTE\n"
        "credit-risk  v1.2.3   a long descriptio\u2026\n"
        "\u00e9            v1       short\n"
        "x\n");
  CHECK(mlctl::render_table({"name", "version", "note"}, rows, Style::plain()) ==
        "credit-risk  v1.2.3  a long description that goes on\n"
        "\u00e9            v1      short\n"
        "x\n");
  CHECK(mlctl::render_table({}, {}, Style::plain()).empty());
}

TEST_CASE("a table keeps colours whole and does not count them") {
  Style style = Style::plain();
  style.color = style.terminal = true;
  style.width = 10;
  const auto red = mlctl::paint("0123456789abc", mlctl::Tone::bad, style);
  CHECK(red == "\x1b[31m0123456789abc\x1b[0m");
  CHECK(mlctl::display_width(red) == 13);
  CHECK(mlctl::render_table({}, {{red}}, style) == "\x1b[31m012345678\u2026\x1b[0m\n");
}

TEST_CASE("text is cut to a width") {
  Style ascii = Style::plain();
  ascii.unicode = false;
  CHECK(mlctl::cut_to_width("hello", 5, Style::plain()) == "hello");
  CHECK(mlctl::cut_to_width("hello!", 5, Style::plain()) == "hell\u2026");
  CHECK(mlctl::cut_to_width("hello!", 5, ascii) == "he...");
  CHECK(mlctl::cut_to_width("\u00e9\u00e9\u00e9", 2, Style::plain()) == "\u00e9\u2026");
  CHECK(mlctl::cut_to_width("hello", 0, Style::plain()) == "\u2026");
}

TEST_CASE("a picture is drawn over the one before, within the screen") {
  Style narrow = Style::plain();
  narrow.width = 5;
  struct Case {
    const char* what;
    std::string text;
    std::size_t lines;
    std::string drawn;
  };
  for (const auto& c :
       std::vector<Case>{{"nothing", "", 3, "\033[H\033[J"},
                         {"each line takes away what was longer", "a\nb\n", 3, "\033[Ha\033[K\nb\033[K\n\033[J"},
                         {"no more lines than there are", "a\nb\nc\n", 2, "\033[Ha\033[K\nb\033[K\n\033[J"},
                         {"none is longer than the screen", "hello!\n", 2, "\033[Hhell\u2026\033[K\n\033[J"},
                         {"the last line may have no end", "a", 2, "\033[Ha\033[K\n\033[J"}}) {
    INFO(std::string(c.what));
    CHECK(mlctl::drawn_over(c.text, c.lines, narrow) == c.drawn);
  }
}

TEST_CASE("symbols have an ASCII form, colour only where there is colour") {
  Style style = Style::plain();
  CHECK(mlctl::symbol(mlctl::Symbol::pass, style) == "\u2713");
  style.unicode = false;
  CHECK(mlctl::symbol(mlctl::Symbol::fail, style) == "x");
  style.color = true;
  CHECK(mlctl::symbol(mlctl::Symbol::warn, style) == "\x1b[33m!\x1b[0m");
}

TEST_CASE("bytes are told in binary units") {
  struct Case {
    std::uint64_t bytes;
    const char* text;
  };
  const Case cases[] = {{0, "0 B"},           {1023, "1023 B"},         {1024, "1.0 KiB"},  {12687769, "12.1 MiB"},
                        {1048575, "1.0 MiB"}, {1ULL << 40U, "1.0 TiB"}, {~0ULL, "16.0 EiB"}};
  for (const auto& c : cases) {
    CAPTURE(c.text);
    CHECK(mlctl::human_bytes(c.bytes) == c.text);
  }
}

TEST_CASE("progress in a pipe: plain lines for start and end, escaped") {
  const Pipe pipe;
  mlctl::ManualClock clock;
  const auto progress = mlctl::make_progress(pipe.in.fd(), Style::plain(), false, clock);
  progress->step("push \x1b[2J");
  clock.advance(std::chrono::seconds(1));
  progress->update("1 of 2");
  progress->note("the other side\x1b is slow");
  progress->event("half of it\x1b is there");
  progress->finish(mlctl::Symbol::pass, "done");
  CHECK(pipe.text() ==
        "\u25cc push \\x1b[2J\n! the other side\\x1b is slow\nhalf of it\\x1b is there\n\u2713 push \\x1b[2J: done\n");
}

TEST_CASE("progress on a terminal redraws one line, ten times a second at most") {
  const Pipe pipe;
  mlctl::ManualClock clock;
  Style style = Style::plain();
  style.terminal = style.animated = true;
  style.width = 20;
  const auto progress = mlctl::make_progress(pipe.in.fd(), style, false, clock);
  progress->step("push");
  CHECK(pipe.text() == "\r\x1b[2K\u25cc push");
  progress->update("too early");
  clock.advance(std::chrono::milliseconds(100));
  progress->update("a detail that is far too long");
  progress->update("too early again");
  CHECK(pipe.text() == "\r\x1b[2K\u25cc push  a detail t\u2026");
  progress->note("slow");
  CHECK(pipe.text() == "\r\x1b[2K! slow\n\r\x1b[2K\u25cc push");
  progress->event("half");
  CHECK(pipe.text() == "\r\x1b[2Khalf\n\r\x1b[2K\u25cc push");
  progress->finish(mlctl::Symbol::fail, "full");
  CHECK(pipe.text() == "\r\x1b[2K\u2717 push: full\n");
}

TEST_CASE("lines below a step are drawn over themselves, within the terminal, and leave with the step") {
  const Pipe pipe;
  mlctl::ManualClock clock;
  Style style = Style::plain();
  style.terminal = style.animated = true;
  style.width = 10;
  const Variables height(std::map<std::string, std::string>{{"LINES", "4"}});
  const auto progress = mlctl::make_progress(pipe.in.fd(), style, false, clock);
  progress->step("wait");
  static_cast<void>(pipe.text());
  std::size_t asked = 0;
  const auto three = [&](const Style&, std::size_t lines) {
    asked = lines;
    return std::string("one\nfar too long\nthree\n");
  };
  CHECK(progress->show(three));  // too early to draw, but not in vain
  CHECK(pipe.text().empty());
  clock.advance(std::chrono::milliseconds(100));
  CHECK(progress->show(three));
  CHECK(asked == 2);
  CHECK(pipe.text() == "\r\x1b[2K\u25cc wait\none\nfar too \u2026");
  clock.advance(std::chrono::milliseconds(100));
  CHECK(progress->show([](const Style&, std::size_t) { return std::string("one\n"); }));
  CHECK(pipe.text() == "\r\x1b[2A\x1b[J\u25cc wait\none");
  progress->note("slow");
  CHECK(pipe.text() == "\r\x1b[1A\x1b[J! slow\n\r\x1b[2K\u25cc wait");
  progress->finish(mlctl::Symbol::pass, "ready");
  CHECK(pipe.text() == "\r\x1b[2K\u2713 wait: ready\n");
}

TEST_CASE("lines below a step are asked of nobody where nothing is drawn over itself") {
  const Pipe pipe;
  const auto never = [](const Style&, std::size_t) {
    FAIL_CHECK("nobody sees it");
    return std::string();
  };
  for (const bool quiet : {false, true}) CHECK(!mlctl::make_progress(pipe.in.fd(), Style::plain(), quiet)->show(never));
  CHECK(!mlctl::no_progress().show(never));
  CHECK(pipe.text().empty());
}

TEST_CASE("quiet progress is silent") {
  const Pipe pipe;
  const auto progress = mlctl::make_progress(pipe.in.fd(), Style::plain(), true);
  progress->step("push");
  progress->finish(mlctl::Symbol::pass, "done");
  CHECK(pipe.text().empty());
}
