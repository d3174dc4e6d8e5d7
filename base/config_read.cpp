#include <nlohmann/json.hpp>

#include "base/config.h"
#include "base/units.h"

namespace mlctl {
namespace {

const Node* scalar_at(const Node& root, std::string_view path) {
  const Node* node = find_path(root, path);
  return node && node->kind == Node::Kind::scalar ? node : nullptr;
}

template <typename T>
std::optional<T> value_of(const Result<T>& result) {
  if (!result) return std::nullopt;
  return *result;
}

std::optional<bool> boolean(const Node& node) {
  if (node.quoted) return std::nullopt;
  if (node.text == "true" || node.text == "True" || node.text == "TRUE") return true;
  if (node.text == "false" || node.text == "False" || node.text == "FALSE") return false;
  return std::nullopt;
}

nlohmann::ordered_json scalar_json(const Node& node) {
  if (node.quoted) return node.text;
  if (const auto value = boolean(node)) return *value;
  if (const auto value = parse_integer(node.text)) return *value;
  if (const auto value = parse_number(node.text)) return *value;
  return node.text;
}

}  // namespace

std::optional<std::string> get_string(const Node& root, std::string_view path) {
  const Node* node = scalar_at(root, path);
  return node ? std::optional(node->text) : std::nullopt;
}

std::optional<std::int64_t> get_integer(const Node& root, std::string_view path) {
  const Node* node = scalar_at(root, path);
  return node ? value_of(parse_integer(node->text)) : std::nullopt;
}

std::optional<double> get_number(const Node& root, std::string_view path) {
  const Node* node = scalar_at(root, path);
  if (!node) return std::nullopt;
  if (const auto value = parse_number(node->text)) return *value;
  if (const auto value = parse_percent(node->text)) return *value;
  if (const auto value = parse_rate(node->text)) return *value;
  return value_of(parse_quantity(node->text));
}

std::optional<bool> get_boolean(const Node& root, std::string_view path) {
  const Node* node = scalar_at(root, path);
  return node ? boolean(*node) : std::nullopt;
}

std::optional<Duration> get_duration(const Node& root, std::string_view path) {
  const Node* node = scalar_at(root, path);
  return node ? value_of(parse_duration(node->text)) : std::nullopt;
}

std::vector<std::string> get_strings(const Node& root, std::string_view path) {
  std::vector<std::string> texts;
  const Node* node = find_path(root, path);
  if (!node || node->kind != Node::Kind::list) return texts;
  for (const auto& item : node->items) {
    if (item.kind == Node::Kind::scalar) texts.push_back(item.text);
  }
  return texts;
}

nlohmann::ordered_json to_json(const Node& node) {
  switch (node.kind) {
    case Node::Kind::null:
      break;
    case Node::Kind::scalar:
      return scalar_json(node);
    case Node::Kind::list: {
      auto list = nlohmann::ordered_json::array();
      for (const auto& item : node.items) list.push_back(to_json(item));
      return list;
    }
    case Node::Kind::map: {
      auto map = nlohmann::ordered_json::object();
      for (const auto& entry : node.entries) map[entry.key] = to_json(entry.value);
      return map;
    }
  }
  return nullptr;
}

}  // namespace mlctl
