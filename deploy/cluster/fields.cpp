#include "deploy/cluster/fields.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;

const Json& nothing() {
  static const Json none;
  return none;
}

}  // namespace

const Json& field(const Json& value, const char* key) {
  if (!value.is_object()) return nothing();
  const auto found = value.find(key);
  return found == value.end() ? nothing() : *found;
}

std::string text_field(const Json& value, const char* key) {
  const Json& found = field(value, key);
  return found.is_string() ? found.get<std::string>() : "";
}

std::int64_t number_field(const Json& value, const char* key, std::int64_t otherwise) {
  const Json& found = field(value, key);
  return found.is_number_integer() ? found.get<std::int64_t>() : otherwise;
}

double real_field(const Json& value, const char* key) {
  const Json& found = field(value, key);
  const double number = found.is_number() ? found.get<double>() : 0;
  return std::isfinite(number) ? number : 0;
}

const Json& condition(const Json& status, const char* type) {
  const Json& all = field(status, "conditions");
  if (!all.is_array()) return nothing();
  for (const auto& one : all)
    if (text_field(one, "type") == type) return one;
  return nothing();
}

}  // namespace mlctl::deploy
