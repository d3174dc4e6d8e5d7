#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/document.h"
#include "base/text.h"

namespace mlctl {
namespace {

using Json = nlohmann::ordered_json;

bool is_one_of(char c, std::string_view set) {
  return set.find(c) != std::string_view::npos;
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Words that some YAML reader takes for null, true or false.
bool is_reserved_word(std::string_view text) {
  static constexpr std::array<std::string_view, 9> words{"null", "true", "false", "yes", "no", "on", "off", "y", "n"};
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return std::find(words.begin(), words.end(), lower) != words.end();
}

// Numbers of every radix and notation, and dates: starts like a number and has nothing that no number has.
bool looks_numeric(std::string_view text) {
  const bool starts = is_digit(text[0]) || (is_one_of(text[0], "+-.") && text.size() > 1);
  if (!starts) return false;
  const bool date =
      text.size() >= 8 && text.substr(0, 4).find_first_not_of("0123456789") == std::string_view::npos && text[4] == '-';
  if (date) return true;
  return text.find_first_not_of("0123456789abcdefABCDEFxXoO_.:+-") == std::string_view::npos;
}

// Deliberately narrow: what is not surely a plain string for every reader is quoted.
bool plain_safe(std::string_view text) {
  if (text.empty() || is_reserved_word(text) || looks_numeric(text)) return false;
  if (!is_letter(text[0]) && !is_digit(text[0]) && !is_one_of(text[0], "/_")) return false;
  if (is_one_of(text.back(), " :")) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (!is_letter(c) && !is_digit(c) && !is_one_of(c, " /_.-:@+=~,()<>;$^%*")) return false;
    if (c == ':' && text[i + 1] == ' ') return false;
  }
  return true;
}

std::string hex_escape(unsigned char byte) {
  static constexpr char hex[] = "0123456789abcdef";
  return {'\\', 'x', hex[byte >> 4U], hex[byte & 15U]};
}

std::string double_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (byte < 0x20U || byte == 0x7FU) {
      out += hex_escape(byte);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

// C1 controls, U+2028, U+2029 and the byte order mark end a line or vanish for some readers.
std::string without_odd_points(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 3> odd{
      {{"\xE2\x80\xA8", "\\L"}, {"\xE2\x80\xA9", "\\P"}, {"\xEF\xBB\xBF", "\\uFEFF"}}};
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto rest = text.substr(i);
    const auto match = std::find_if(odd.begin(), odd.end(),
                                    [&](const auto& pair) { return rest.substr(0, pair.first.size()) == pair.first; });
    if (match != odd.end()) {
      out += match->second;
      i += match->first.size() - 1;
    } else if (rest.size() > 1 && rest[0] == '\xC2' && static_cast<unsigned char>(rest[1]) < 0xA0U) {
      out += hex_escape(static_cast<unsigned char>(rest[1]));
      ++i;
    } else {
      out += rest[0];
    }
  }
  return out;
}

std::string valid_part(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto valid = valid_utf8(text);
    out += text.substr(0, valid);
    if (valid == text.size()) break;
    out += "\xEF\xBF\xBD";
    text.remove_prefix(valid + 1);
  }
  return out;
}

// A literal block keeps its text only when no line starts the block with space, ends with space, or holds an escape.
bool block_safe(std::string_view text) {
  if (text.find('\n') == std::string_view::npos || is_one_of(text[0], " \n\t")) return false;
  if (text.find(" \n") != std::string_view::npos || text.back() == ' ') return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return c == '\n' || (byte >= 0x20U && byte < 0x7FU);
  });
}

std::string block(std::string_view text, std::size_t indent) {
  std::string_view mark = "|-";
  if (text.back() == '\n') mark = text.size() > 1 && text[text.size() - 2] == '\n' ? "|+" : "|";
  std::string out(mark);
  if (text.back() == '\n') text.remove_suffix(1);
  while (true) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    out += '\n';
    if (!line.empty()) out += std::string(indent, ' ') + std::string(line);
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

std::string string_text(const std::string& raw, std::size_t indent) {
  std::string text = valid_part(raw);
  if (plain_safe(text)) return text;
  if (!text.empty() && block_safe(text)) return block(text, std::max<std::size_t>(indent, 2));
  return without_odd_points(double_quoted(text));
}

std::string number_text(double value) {
  if (!std::isfinite(value)) return "null";
  std::array<char, 64> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  std::string text(buffer.data(), end);
  const auto exponent = text.find('e');
  const auto mantissa = text.substr(0, exponent);
  // YAML 1.1 takes 1e+20 for a string.
  if (mantissa.find('.') == std::string::npos) text.insert(mantissa.size(), ".0");
  return text;
}

void emit(std::string& out, const Json& value, std::size_t indent, bool after_dash);

void emit_value(std::string& out, const Json& value, std::size_t indent) {
  if (value.is_structured() && !value.empty()) {
    out += '\n';
    emit(out, value, indent, false);
  } else {
    out += ' ';
    emit(out, value, indent, false);
  }
}

void emit_map(std::string& out, const Json& value, std::size_t indent, bool after_dash) {
  bool first = after_dash;
  for (const auto& [key, item] : value.items()) {
    if (!first) out += std::string(indent, ' ');
    first = false;
    const auto name = valid_part(key);
    out += plain_safe(name) ? name : without_odd_points(double_quoted(name));
    out += ':';
    emit_value(out, item, indent + 2);
  }
}

void emit_list(std::string& out, const Json& value, std::size_t indent, bool after_dash) {
  bool first = after_dash;
  for (const auto& item : value) {
    if (!first) out += std::string(indent, ' ');
    first = false;
    out += "- ";
    emit(out, item, indent + 2, true);
  }
}

// Writes `value` and the newline after it. `after_dash`: the first line of a collection stands behind "- ".
void emit(std::string& out, const Json& value, std::size_t indent, bool after_dash) {
  if (value.is_object() && !value.empty()) return emit_map(out, value, indent, after_dash);
  if (value.is_array() && !value.empty()) return emit_list(out, value, indent, after_dash);
  if (value.is_string()) {
    out += string_text(value.get_ref<const std::string&>(), indent);
  } else if (value.is_number_float()) {
    out += number_text(value.get<double>());
  } else {
    out += value.dump();  // {}, [], null, true, false and integers are the same in both
  }
  out += '\n';
}

}  // namespace

std::string to_yaml(const nlohmann::ordered_json& value) {
  std::string out;
  emit(out, value, 0, false);
  return out;
}

}  // namespace mlctl
