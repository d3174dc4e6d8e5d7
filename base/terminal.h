// What people see: strings are rendered from data, width and style; nothing here writes except Progress.
// Symbols always stand beside a word; strings from outside are escaped before they get here (escape_control).
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace mlctl {

struct Style {
  bool color = false;
  bool unicode = true;
  bool terminal = false;  // a person looks: fuzzy times, headers, progress
  bool animated = false;  // a terminal on which lines can be redrawn (TERM is set and not dumb)
  std::size_t width = 80;
  static Style plain() { return {}; }
};
// Of a file descriptor, honouring NO_COLOR (wins), CLICOLOR_FORCE, TERM=dumb, COLUMNS and the locale (LC_ALL, LC_CTYPE,
// LANG).
[[nodiscard]] Style style_of(int fd);
[[nodiscard]] std::size_t height_of(int fd);  // in lines, honouring LINES; 24 where nobody knows

enum class Tone { plain, good, bad, warn, dim, strong };
[[nodiscard]] std::string paint(std::string_view text, Tone tone, const Style& style);
enum class Symbol { pass, warn, fail, skip, running };  // ✓ ! ✗ • ◌, or + ! x - o in ASCII
[[nodiscard]] std::string symbol(Symbol symbol, const Style& style);

using Rows = std::vector<std::vector<std::string>>;
// Aligned columns, two spaces between; `headers` upper-case on a terminal, left out when not style.terminal. The last
// column is cut (…) to the width only on a terminal. Widths count code points.
[[nodiscard]] std::string render_table(const std::vector<std::string>& headers, const Rows& rows, const Style& style);

// C0, C1, DEL, bidirectional overrides and invalid UTF-8 become \xNN or \u{…}; \n and \t stay only if `keep_lines`.
[[nodiscard]] std::string escape_control(std::string_view text, bool keep_lines = false);
// The text as a POSIX shell takes it as one word, for commands that a person may type: quoted only where it must be.
[[nodiscard]] std::string shell_word(std::string_view text);
[[nodiscard]] std::string human_bytes(std::uint64_t bytes);                         // "12.1 MiB"
[[nodiscard]] std::string count_text(std::uint64_t count, const std::string& one);  // "1 file", "3 files"
[[nodiscard]] std::size_t display_width(std::string_view text);                     // code points, escapes not counted
// At most `width` code points, "…" at the end of what was longer; colours stay whole.
[[nodiscard]] std::string cut_to_width(std::string_view text, std::size_t width, const Style& style);
// The text over what was drawn before, from the top of the screen, cut to its width and to so many lines. Nothing is
// cleared first: that would flicker, and leave every picture in the scrollback of some terminals.
[[nodiscard]] std::string drawn_over(std::string_view text, std::size_t lines, const Style& style);

// Progress on stderr: lines that replace themselves on a terminal, plain lines for start and end elsewhere. What it is
// given is escaped here. Several threads may call it.
class Progress {
 public:
  virtual ~Progress() = default;
  virtual void step(std::string_view name) = 0;                   // a new step begins
  virtual void update(std::string_view detail) = 0;               // where it is; at most ten drawn a second
  virtual void finish(Symbol how, std::string_view summary) = 0;  // the step ended
  virtual void note(std::string_view line) = 0;                   // a line that stays, marked: look at it
  virtual void event(std::string_view line) = 0;                  // a line that stays: it happened, as it should

  // Lines below the step's, drawn over themselves; at most `lines` of them, escaped already, asked for at most ten
  // times a second. False where nothing is drawn over itself: update() says less there.
  using Picture = std::function<std::string(const Style& style, std::size_t lines)>;
  virtual bool show(const Picture&) { return false; }
};
[[nodiscard]] std::unique_ptr<Progress> make_progress(int fd, const Style& style, bool quiet,
                                                      Clock& clock = system_clock());
[[nodiscard]] Progress& no_progress();

}  // namespace mlctl
