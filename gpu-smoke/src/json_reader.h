// JSON text -> a value, for traces and history. Bounded: at most 64 levels deep, numbers as double and, where
// they are whole, exactly as 64 bits. Not for anything large.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gpu_smoke {

struct Json {
  enum class Kind { null, boolean, number, string, array, object };
  Kind kind = Kind::null;
  bool boolean = false;
  double number = 0;
  std::optional<std::uint64_t> whole;  // a number without sign, fraction and exponent
  std::string string;
  std::vector<Json> items;                           // of an array
  std::vector<std::pair<std::string, Json>> fields;  // of an object

  // Null when there is no such field.
  [[nodiscard]] const Json* find(const std::string& name) const;
  // The field or, in an array, the item of that number; made when missing. An item may be added at the end.
  [[nodiscard]] Json* at_or_make(const std::string& name);
};

// Nothing when the text is no JSON; `error` then says where.
[[nodiscard]] std::optional<Json> parse_json(const std::string& text, std::string& error);

}  // namespace gpu_smoke
