#include "validate/markdown.h"

#include <algorithm>

#include "base/terminal.h"

namespace mlctl::validate {
namespace {

constexpr std::size_t cell_limit = 2'000;
constexpr std::string_view punctuation = "\\`*_[]|#~!";
constexpr std::string_view line_end = " ⏎ ";  // a real one would end the cell, and begin a line that means something
constexpr std::string_view cut_note = "\nThe rest was cut: a step summary holds 1 MiB.\n";

// GFM makes links of "https://…" and "www.…" where they stand.
bool begins_link(std::string_view text, std::size_t at) {
  if (text[at] == ':') return text.substr(at + 1, 2) == "//";
  return text[at] == '.' && at >= 3 && text.substr(at - 3, 3) == "www";
}

}  // namespace

std::string markdown_text(std::string_view raw) {
  std::string clean = escape_control(raw.substr(0, std::min(raw.size(), cell_limit)), true);
  if (raw.size() > cell_limit) clean += " …";
  std::string text;
  for (std::size_t i = 0; i < clean.size(); ++i) {
    const char c = clean[i];
    if (c == '\n') {
      text += line_end;
    } else if (c == '\t') {
      text += ' ';
    } else if (c == '&') {
      text += "&amp;";
    } else if (c == '<') {
      text += "&lt;";
    } else if (c == '>') {
      text += "&gt;";
    } else if (c == '@') {
      text += "@<!-- -->";  // addresses and mentions are looked for when escapes are gone: the two sides are kept apart
    } else {
      if (punctuation.find(c) != std::string_view::npos || begins_link(clean, i)) text += '\\';
      text += c;
    }
  }
  return text;
}

std::string cut_markdown(std::string text, std::size_t limit) {
  if (text.size() <= limit) return text;
  if (limit < cut_note.size()) return "";
  const auto end = std::string_view(text).substr(0, limit - cut_note.size()).rfind('\n');
  text.resize(end == std::string_view::npos ? 0 : end + 1);
  return text.append(cut_note);
}

}  // namespace mlctl::validate
