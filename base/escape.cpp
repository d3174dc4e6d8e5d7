// What strings from outside may do on a terminal: nothing.
#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>

#include "base/terminal.h"

namespace mlctl {
namespace {

struct CodePoint {
  std::uint32_t value = 0;
  std::size_t size = 0;  // bytes; 0: not valid UTF-8
};

// Strict: no overlong forms, no surrogates, nothing above U+10FFFF. (RFC 3629)
CodePoint decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  std::size_t size = 0;
  std::uint32_t value = 0;
  std::uint32_t smallest = 0;
  if ((first & 0xE0U) == 0xC0) size = 2, value = first & 0x1FU, smallest = 0x80;
  if ((first & 0xF0U) == 0xE0) size = 3, value = first & 0x0FU, smallest = 0x800;
  if ((first & 0xF8U) == 0xF0) size = 4, value = first & 0x07U, smallest = 0x10000;
  if (size == 0 || text.size() < size) return {};
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return {};
    value = value << 6U | (byte(i) & 0x3FU);
  }
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (value < smallest || surrogate || value > 0x10FFFF) return {};
  return {value, size};
}

bool acts_on_terminal(std::uint32_t c) {
  if (c < 0x20 || (c >= 0x7F && c <= 0x9F)) return true;
  if (c == 0x061C || c == 0x200E || c == 0x200F) return true;  // direction marks
  if (c >= 0x202A && c <= 0x202E) return true;                 // embeddings and overrides
  if (c >= 0x2066 && c <= 0x2069) return true;                 // isolates
  return c == 0x2028 || c == 0x2029;                           // line and paragraph separators
}

void append_escaped(std::string& out, const char* format, unsigned value) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), format, value);
  out += text.data();
}

}  // namespace

std::string shell_word(std::string_view text) {
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || std::string_view("-_./@:+,=%").find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (plain) return std::string(text);
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

std::string escape_control(std::string_view text, bool keep_lines) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const CodePoint point = decode(text);
    const std::size_t size = point.size == 0 ? 1 : point.size;
    const bool kept = keep_lines && (text.front() == '\n' || text.front() == '\t');
    if (point.size == 0 || (point.value < 0x80 && acts_on_terminal(point.value) && !kept)) {
      append_escaped(out, "\\x%02x", static_cast<unsigned char>(text.front()));
    } else if (point.value >= 0x80 && acts_on_terminal(point.value)) {
      append_escaped(out, "\\u{%x}", point.value);
    } else {
      out.append(text.substr(0, size));
    }
    text.remove_prefix(size);
  }
  return out;
}

}  // namespace mlctl
