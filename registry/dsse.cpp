#include "registry/dsse.h"

#include <algorithm>

#include "registry/base64.h"

namespace mlctl::registry {

std::string pae(std::string_view type, std::string_view body) {
  std::string text = "DSSEv1 " + std::to_string(type.size()) + " ";
  text.append(type).append(" ").append(std::to_string(body.size())).append(" ").append(body);
  return text;
}

// repr() of a Python bytes object.
static std::string python_literal(std::string_view bytes) {
  static constexpr std::string_view digits = "0123456789abcdef";
  const bool apostrophes = bytes.find('\'') != std::string_view::npos && bytes.find('"') == std::string_view::npos;
  const char quote = apostrophes ? '"' : '\'';
  std::string text = std::string("b") + quote;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == quote || c == '\\')
      text.append("\\").append(1, c);
    else if (c == '\t' || c == '\n' || c == '\r')
      text += c == '\t' ? "\\t" : c == '\n' ? "\\n" : "\\r";
    else if (byte < 0x20 || byte >= 0x7F)
      text.append("\\x").append(1, digits[byte >> 4U]).append(1, digits[byte & 15U]);
    else
      text += c;
  }
  return text + quote;
}

std::string pae_before_1_0(std::string_view type, std::string_view body) {
  std::string text = "DSSEV1 " + std::to_string(type.size()) + " ";
  text.append(type).append(" ").append(std::to_string(body.size())).append(" ").append(python_literal(body));
  return text;
}

std::optional<std::string> from_any_base64(std::string text) {
  std::ranges::replace(text, '-', '+');
  std::ranges::replace(text, '_', '/');
  return from_base64(text);
}

}  // namespace mlctl::registry
