#include "release/metadata.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/document.h"

namespace mlctl::release {
namespace {

using nlohmann::json;

void flatten(const json& value, const std::string& key, Values& into) {
  if (into.size() >= values_limit) return;
  if (value.is_object() && !value.empty()) {
    for (const auto& [name, inner] : value.items()) flatten(inner, key.empty() ? name : key + "." + name, into);
  } else if (!value.is_null()) {
    into[key] =
        value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, json::error_handler_t::replace);
  }
}

// The newest of one kind, with whether it was said of this very version.
struct Newest {
  std::string text;
  bool exact = false;

  void take(const json& predicate, const char* key, bool of_this_version) {
    const auto found = predicate.find(key);
    if (found == predicate.end() || found->is_null() || (exact && !of_this_version)) return;
    text = found->dump(-1, ' ', false, json::error_handler_t::replace);
    exact = of_this_version;
  }
};

}  // namespace

Said said_in(const std::vector<registry::Evidence>& evidence, const std::optional<registry::Version>& version) {
  Newest metadata, metrics;
  for (const auto& one : evidence) {  // oldest first
    if (one.kind != registry::EvidenceKind::metadata || one.signature.trusted == registry::Trusted::invalid) continue;
    const auto statement = parse_json(one.statement, "metadata");
    if (!statement || !statement->is_object()) continue;
    const auto predicate = statement->find("predicate");
    if (predicate == statement->end() || !predicate->is_object()) continue;
    const bool exact = version && predicate->value("version", json()) == to_string(*version);
    metadata.take(*predicate, "metadata", exact);
    metrics.take(*predicate, "metrics", exact);
  }
  return {std::move(metadata.text), std::move(metrics.text)};
}

Values flattened(std::string_view text) {
  Values all;
  if (text.empty()) return all;
  if (const auto value = parse_json(text, "metadata")) flatten(*value, "", all);
  return all;
}

}  // namespace mlctl::release
