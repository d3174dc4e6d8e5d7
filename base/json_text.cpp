#include "base/json_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace mlctl {
namespace {

using Json = nlohmann::ordered_json;

bool is_plain(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 0x7F && c != '"' && c != '\\'; });
}

std::string dumped(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void emit_text(const std::string& text, std::string& out) {
  if (!is_plain(text)) {
    out += dumped(text);
    return;
  }
  out += '"';
  out += text;
  out += '"';
}

void emit(const Json& value, std::string& out) {
  if (value.is_string()) {
    emit_text(value.get_ref<const std::string&>(), out);
  } else if (value.is_object()) {
    char before = '{';
    for (const auto& [key, item] : value.get_ref<const Json::object_t&>()) {
      out += std::exchange(before, ',');
      emit_text(key, out);
      out += ':';
      emit(item, out);
    }
    out += value.empty() ? "{}" : "}";
  } else if (value.is_array()) {
    char before = '[';
    for (const auto& item : value) {
      out += std::exchange(before, ',');
      emit(item, out);
    }
    out += value.empty() ? "[]" : "]";
  } else {
    out += dumped(value);
  }
}

}  // namespace

std::string to_json_text(const Json& value) {
  std::string out;
  emit(value, out);
  return out;
}

}  // namespace mlctl
