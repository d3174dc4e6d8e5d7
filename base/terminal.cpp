#include "base/terminal.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/units.h"

namespace mlctl {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string changed_case(std::string text, int (*change)(int)) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [change](unsigned char c) { return static_cast<char>(c < 0x80 ? change(c) : c); });
  return text;
}

bool locale_is_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string value = changed_case(variable(name), std::tolower);
    if (!value.empty()) return value.find("utf-8") != std::string::npos || value.find("utf8") != std::string::npos;
  }
  return false;
}

winsize window_of(int fd) {
  winsize size{};
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 ? size : winsize{};
}

std::size_t size_of(const char* name, unsigned short of_terminal, std::size_t otherwise) {
  if (const auto size = parse_integer(variable(name)); size && *size > 0 && *size < 10'000)
    return static_cast<std::size_t>(*size);
  return of_terminal > 0 ? of_terminal : otherwise;
}

// The length of an escape sequence (CSI ... final byte) at the front of `text`, 0 when there is none.
std::size_t escape_length(std::string_view text) {
  if (text.size() < 2 || text[0] != '\x1b' || text[1] != '[') return 0;
  std::size_t i = 2;
  while (i < text.size() && (text[i] < 0x40 || text[i] > 0x7e)) ++i;
  return i < text.size() ? i + 1 : text.size();
}

bool begins_code_point(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) != 0x80;
}

}  // namespace

Style style_of(int fd) {
  Style style;
  const std::string term = variable("TERM");
  const std::string force = variable("CLICOLOR_FORCE");
  style.terminal = ::isatty(fd) == 1;
  style.animated = style.terminal && !term.empty() && term != "dumb";
  style.color = variable("NO_COLOR").empty() && (style.animated || (!force.empty() && force != "0"));
  style.unicode = locale_is_utf8();
  style.width = size_of("COLUMNS", window_of(fd).ws_col, 80);
  return style;
}

std::size_t height_of(int fd) {
  return size_of("LINES", window_of(fd).ws_row, 24);
}

std::string paint(std::string_view text, Tone tone, const Style& style) {
  static constexpr std::array<const char*, 6> codes{"", "32", "31", "33", "2", "1"};
  const char* code = codes[static_cast<std::size_t>(tone)];
  if (!style.color || *code == '\0') return std::string(text);
  return std::string("\x1b[") + code + "m" + std::string(text) + "\x1b[0m";
}

std::string symbol(Symbol symbol, const Style& style) {
  struct Drawn {
    const char* unicode;
    const char* ascii;
    Tone tone;
  };
  static constexpr std::array<Drawn, 5> table{{{"✓", "+", Tone::good},
                                               {"!", "!", Tone::warn},
                                               {"✗", "x", Tone::bad},
                                               {"•", "-", Tone::dim},
                                               {"◌", "o", Tone::plain}}};
  const Drawn& drawn = table[static_cast<std::size_t>(symbol)];
  return paint(style.unicode ? drawn.unicode : drawn.ascii, drawn.tone, style);
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const std::size_t escape = escape_length(text);
    if (escape == 0 && begins_code_point(text.front())) ++width;
    text.remove_prefix(std::max<std::size_t>(escape, 1));
  }
  return width;
}

std::string cut_to_width(std::string_view text, std::size_t width, const Style& style) {
  if (display_width(text) <= width) return std::string(text);
  const std::string mark = style.unicode ? "…" : "...";
  const std::size_t room = width - std::min(width, display_width(mark));
  std::string out;
  std::size_t used = 0;
  bool marked = false;
  while (!text.empty()) {
    const std::size_t escape = escape_length(text);
    if (escape > 0) {  // kept beyond the cut too: colours must end
      out += text.substr(0, escape);
      text.remove_prefix(escape);
      continue;
    }
    if (begins_code_point(text.front()) && ++used > room && !marked) {
      out += mark;
      marked = true;
    }
    if (!marked) out += text.front();
    text.remove_prefix(1);
  }
  return out;
}

std::string drawn_over(std::string_view text, std::size_t lines, const Style& style) {
  std::string out = "\033[H";
  for (std::size_t start = 0; start < text.size() && lines > 0; --lines) {
    const auto end = std::min(text.find('\n', start), text.size());
    out += cut_to_width(text.substr(start, end - start), style.width, style) + "\033[K\n";
    start = end + 1;
  }
  return out + "\033[J";
}

std::string render_table(const std::vector<std::string>& headers, const Rows& rows, const Style& style) {
  Rows all;
  if (style.terminal && !headers.empty()) {
    all.emplace_back();
    for (const auto& header : headers) all.back().push_back(changed_case(header, std::toupper));
  }
  all.insert(all.end(), rows.begin(), rows.end());
  std::vector<std::size_t> widths;
  for (const auto& row : all) {
    if (widths.size() < row.size()) widths.resize(row.size());
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i]));
  }
  std::string out;
  for (const auto& row : all) {
    std::size_t used = 0;
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool last = i + 1 == row.size();
      const bool cut = last && style.terminal && used < style.width;
      line += cut ? cut_to_width(row[i], style.width - used, style) : row[i];
      if (last) break;
      line.append(widths[i] - display_width(row[i]) + 2, ' ');
      used += widths[i] + 2;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string count_text(std::uint64_t count, const std::string& one) {
  return std::to_string(count) + " " + one + (count == 1 ? "" : "s");
}

std::string human_bytes(std::uint64_t bytes) {
  static constexpr std::array<const char*, 6> units{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return std::to_string(bytes) + " B";
  auto value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  while (value >= 1023.95 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f %s", value, units[unit]);
  return text.data();
}

}  // namespace mlctl
