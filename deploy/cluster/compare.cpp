#include "deploy/cluster/compare.h"

#include <nlohmann/json.hpp>

#include "base/units.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;

// Maps whose values are quantities, wherever they stand.
bool holds_quantities(const std::string& key) {
  return key == "requests" || key == "limits" || key == "hard";
}

bool same_quantity(const Json& one, const Json& other) {
  if (!one.is_string() || !other.is_string()) return false;
  const auto a = parse_quantity(one.get<std::string>()), b = parse_quantity(other.get<std::string>());
  return a && b && *a == *b;
}

bool lies(const Json& desired, const Json& live, bool quantities) {
  if (desired.is_object()) {
    if (!live.is_object()) return false;
    for (const auto& [key, value] : desired.items()) {
      const auto found = live.find(key);
      if (found == live.end() || !lies(value, *found, quantities || holds_quantities(key))) return false;
    }
    return true;
  }
  if (desired.is_array()) {
    if (!live.is_array() || live.size() != desired.size()) return false;
    for (std::size_t i = 0; i < desired.size(); ++i)
      if (!lies(desired[i], live[i], quantities)) return false;
    return true;
  }
  return desired == live || (quantities && same_quantity(desired, live));
}

}  // namespace

bool lies_in(const Json& desired, const Json& live) {
  return lies(desired, live, false);
}

Json without_bookkeeping(Json object) {
  if (!object.is_object()) return object;
  object.erase("status");
  if (const auto metadata = object.find("metadata"); metadata != object.end() && metadata->is_object())
    for (const char* key : {"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"})
      metadata->erase(key);
  return object;
}

}  // namespace mlctl::deploy
