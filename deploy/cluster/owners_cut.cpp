#include "deploy/cluster/owners_cut.h"

#include <algorithm>
#include <cstddef>

namespace mlctl::deploy {
namespace {

constexpr auto npos = std::string_view::npos;

// Behind the string whose opening quote stands at `begin`; the end where it is never closed.
std::size_t end_of_string(std::string_view json, std::size_t begin) {
  for (std::size_t at = begin + 1;;) {
    const auto quote = json.find('"', at);
    if (quote == npos) return json.size();
    std::size_t slashes = 0;
    while (quote - slashes > at && json[quote - slashes - 1] == '\\') ++slashes;
    at = quote + 1;
    if (slashes % 2 == 0) return at;
  }
}

std::size_t behind_space(std::string_view json, std::size_t at) {
  return std::min(json.find_first_not_of(" \t\r\n", at), json.size());
}

// Behind the list that opens at `begin`. Kinds of brackets are not told apart: the parser sees what stands around it.
std::size_t end_of_list(std::string_view json, std::size_t begin) {
  std::size_t depth = 0;
  for (std::size_t at = begin; at < json.size();) {
    const char c = json[at];
    at = c == '"' ? end_of_string(json, at) : at + 1;
    if (c == '[' || c == '{') ++depth;
    if ((c == ']' || c == '}') && --depth == 0) return at;
  }
  return json.size();
}

}  // namespace

std::string without_owners(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  std::size_t copied = 0;
  for (auto quote = json.find('"'); quote != npos;) {
    const auto end = end_of_string(json, quote);
    const bool named = json.substr(quote, end - quote) == "\"managedFields\"";
    quote = json.find('"', end);
    if (!named) continue;
    const auto colon = behind_space(json, end);
    if (colon == json.size() || json[colon] != ':') continue;  // a value
    const auto value = behind_space(json, colon + 1);
    if (value == json.size() || json[value] != '[') continue;
    out.append(json.substr(copied, value - copied)).append("null");
    copied = end_of_list(json, value);
    quote = json.find('"', copied);
  }
  return out.append(json.substr(copied));
}

}  // namespace mlctl::deploy
