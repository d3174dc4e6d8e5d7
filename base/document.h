// YAML and JSON documents whose every value knows where it stands, for errors with file, line and column.
// Hostile input: size, depth, node count and alias expansion are bounded before anything is built.
#pragma once
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace mlctl {

struct Position {
  std::shared_ptr<const std::string> file;  // as the user would name it
  int line = 0;                             // from 1; 0: not from a file
  int column = 0;
};
[[nodiscard]] std::string to_string(const Position& position);  // "model.yaml:12:5"

struct Node {
  enum class Kind { null, scalar, list, map };
  struct Entry;
  Kind kind = Kind::null;
  std::string text;     // of a scalar, as written without quotes
  bool quoted = false;  // a quoted scalar is a string whatever it looks like
  std::vector<Node> items;
  std::vector<Entry> entries;  // in the order of the file; keys are unique
  Position position;
  std::string level;  // where a merged value came from: "built-in", "project defaults", "model", …

  [[nodiscard]] const Node* find(std::string_view key) const;  // a direct entry, or nullptr
};
struct Node::Entry {
  std::string key;
  Position position;  // of the key
  Node value;
};

// The node at a dotted path ("gate.load.rate"), or nullptr. A key may itself hold a dot ("p99.9").
[[nodiscard]] const Node* find_path(const Node& root, std::string_view path);

inline constexpr std::uint64_t document_limit = 1U << 20U;  // bytes of a configuration file
// Error{usage} with the position: not UTF-8, larger than document_limit, deeper than 64, more than 100,000 nodes
// (anchors and aliases counted by what they hold), a duplicate key, an unknown YAML tag, more than one document.
[[nodiscard]] Result<Node> parse_yaml(std::string_view text, const std::string& file);

// JSON from outside: bounded depth (64), duplicate keys refused, position in the error. `what` names it.
[[nodiscard]] Result<nlohmann::json> parse_json(std::string_view text, const std::string& what);
// YAML from JSON: block style, keys in the order given, strings quoted when a YAML 1.1 or 1.2 reader could take them
// for something else; the same bytes for the same value everywhere.
[[nodiscard]] std::string to_yaml(const nlohmann::ordered_json& value);

}  // namespace mlctl
