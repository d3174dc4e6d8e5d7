#include <map>

#include "base/config.h"

namespace mlctl {
namespace {

void name_level(Node& node, const std::string& level) {
  node.level = level;
  for (auto& item : node.items) name_level(item, level);
  for (auto& entry : node.entries) name_level(entry.value, level);
}

Node* find_entry(Node& map, std::string_view key) {
  for (auto& entry : map.entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

void lay_over(Node& below, const Node& above) {
  if (below.kind != Node::Kind::map || above.kind != Node::Kind::map) {
    below = above;
    return;
  }
  for (const auto& entry : above.entries) {
    if (Node* known = find_entry(below, entry.key)) {
      lay_over(*known, entry.value);
    } else {
      below.entries.push_back(entry);
    }
  }
}

// A fallback is part of the program: one that does not parse is a bug, caught by the test that checks every table
// against itself.
Node parse_fallback(const std::string& text) {
  auto node = parse_yaml(text, "built-in");
  return node ? at_level(std::move(*node), "built-in") : Node{};
}

// Parsed once, for thousands of models.
const Node& fallback_of(const Field& field) {
  thread_local std::map<std::string, Node> parsed;
  const auto found = parsed.find(field.fallback);
  return found != parsed.end() ? found->second
                               : parsed.emplace(field.fallback, parse_fallback(field.fallback)).first->second;
}

void fill(Node& node, const Field& table);

// The fallback of a map is a level below it: maps merge.
void fill_map(Node& node, const Field& field) {
  Node whole = fallback_of(field);
  lay_over(whole, node);
  node = std::move(whole);
}

void fill_object(Node& node, const Field& table) {
  for (const auto& field : table.fields) {
    Node* value = find_entry(node, field.name);
    if (!value && !field.fallback.empty()) {
      Node fallback = fallback_of(field);
      Node::Entry entry{field.name, fallback.position, std::move(fallback)};
      node.entries.push_back(std::move(entry));
      value = &node.entries.back().value;
    } else if (value && field.type == Field::Type::map && value->kind == Node::Kind::map && !field.fallback.empty()) {
      fill_map(*value, field);
    }
    if (value) fill(*value, field);
  }
}

void fill(Node& node, const Field& table) {
  if (table.type == Field::Type::object && node.kind == Node::Kind::map) {
    fill_object(node, table);
  } else if (table.type == Field::Type::list && !table.fields.empty()) {
    for (auto& item : node.items) fill(item, table.fields[0]);
  } else if (table.type == Field::Type::map && !table.fields.empty()) {
    for (auto& entry : node.entries) fill(entry.value, table.fields[0]);
  } else if (table.type == Field::Type::either) {
    if (const Field* alternative = alternative_for(node, table)) fill(node, *alternative);
  }
}

Field without_fallbacks(Field table) {
  table.fallback.clear();
  for (auto& field : table.fields) field = without_fallbacks(std::move(field));
  return table;
}

}  // namespace

const Field* alternative_for(const Node& node, const Field& table) {
  for (const auto& alternative : table.fields) {
    const bool list = alternative.type == Field::Type::list;
    const bool map = alternative.type == Field::Type::object || alternative.type == Field::Type::map;
    const bool matches = node.kind == Node::Kind::list ? list : node.kind == Node::Kind::map ? map : !list && !map;
    if (matches) return &alternative;
  }
  return nullptr;
}

Node at_level(Node node, const std::string& level) {
  name_level(node, level);
  return node;
}

Node merge_levels(const std::vector<const Node*>& levels) {
  Node merged;
  for (const Node* level : levels) {
    if (level) lay_over(merged, *level);
  }
  return merged;
}

Node with_defaults(Node node, const Field& table) {
  fill(node, table);
  return node;
}

Node built_in(const Field& table) {
  Node empty;
  empty.kind = Node::Kind::map;
  empty.level = "built-in";
  return with_defaults(std::move(empty), table);
}

Field partial(Field table) {
  table.required = false;
  table.fallback.clear();  // a level says what it says: filled up, it would hide the levels below
  for (auto& field : table.fields) {
    const bool item = table.type == Field::Type::list;
    field = item ? without_fallbacks(std::move(field)) : partial(std::move(field));
  }
  return table;
}

}  // namespace mlctl
