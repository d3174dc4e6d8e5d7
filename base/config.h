// Typed configuration: a table (Field) describes a file; the same table checks it, fills defaults, explains every
// field and writes the JSON Schema. Levels merge (maps merge, lists replace) and every value keeps the level and the
// position that it came from. Each house owns the tables of its sections; base knows none of them.
#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/document.h"
#include "base/result.h"

namespace mlctl {

struct Field {
  enum class Type {
    string,
    integer,
    number,
    boolean,
    duration,
    percent,
    rate,
    quantity,  // base/units.h
    choice,    // one of `choices`
    object,    // exactly the keys in `fields`
    list,      // `fields` has one element: the item
    map,       // free keys; `fields` has one element: the value
    either,    // one of the alternatives in `fields`, told apart by scalar, list or map
    any,
  };
  std::string name;  // the key; anything for items and values
  Type type = Type::string;
  std::string doc;  // one or two sentences
  // The default, as YAML; "" when there is none. The defaults inside an object come in only where the object is there:
  // give it the fallback "{}" when it always is ("gpu" has none: absent means no GPU).
  std::string fallback;
  bool required = false;
  std::vector<std::string> choices;
  std::vector<Field> fields;
  // A further rule for a scalar's text; Error{usage} says what is wrong. May be null.
  Status (*rule)(std::string_view text) = nullptr;
};

struct Problem {
  Position position;
  std::string message;
  std::string hint;
};
// Every deviation of `node` from the table: unknown keys with the nearest known one, wrong types, missing required
// keys, broken rules. For a level that others complete, check against partial(table).
[[nodiscard]] std::vector<Problem> check_config(const Node& node, const Field& table);
// One Error{usage} from problems: "FILE:LINE:COL: message" a line each, at most ten; ok() when there are none.
[[nodiscard]] Status as_status(const std::vector<Problem>& problems);

// Of a table of type `either`: the alternative that fits the node's kind, or nullptr.
[[nodiscard]] const Field* alternative_for(const Node& node, const Field& table);

// Names the level in a whole tree.
[[nodiscard]] Node at_level(Node node, const std::string& level);
// Later levels over earlier ones; null pointers are skipped. An explicit null in a later level removes the value (it
// stays in the tree as a null, so that its origin can be told; the readers below take it for absent).
[[nodiscard]] Node merge_levels(const std::vector<const Node*>& levels);
// The table's defaults, level "built-in", for everything that `node` (usually merged levels) does not say, also inside
// list items and map values. An explicit null is left as it is.
[[nodiscard]] Node with_defaults(Node node, const Field& table);
// with_defaults of an empty map.
[[nodiscard]] Node built_in(const Field& table);
// The same table for a part of a file (a level of defaults): no fallbacks, and nothing is required but inside list
// items, which no other level can complete.
[[nodiscard]] Field partial(Field table);

// The field at a dotted path of keys ("gate.load.rate"), or nullptr. A key may itself hold a dot ("p99.9").
[[nodiscard]] const Field* find_field(const Field& table, std::string_view path);
// Every path of the table in order, for "nearest known field" and the reference.
[[nodiscard]] std::vector<std::string> field_paths(const Field& table);
[[nodiscard]] std::string type_name(const Field& field);  // "duration", "one of image, …", "list of string"
[[nodiscard]] nlohmann::ordered_json json_schema(const Field& table, const std::string& title);

// Reading a checked tree. Absent or null gives nullopt (or the empty list); a value of the wrong type cannot occur
// after check_config and gives nullopt too.
[[nodiscard]] std::optional<std::string> get_string(const Node& root, std::string_view path);
[[nodiscard]] std::optional<std::int64_t> get_integer(const Node& root, std::string_view path);
[[nodiscard]] std::optional<double> get_number(const Node& root,
                                               std::string_view path);  // numbers, percents, rates, quantities
[[nodiscard]] std::optional<bool> get_boolean(const Node& root, std::string_view path);
[[nodiscard]] std::optional<Duration> get_duration(const Node& root, std::string_view path);
[[nodiscard]] std::vector<std::string> get_strings(const Node& root, std::string_view path);
// The tree as JSON (scalars typed by YAML 1.2 core rules), for digests of configuration and for output.
[[nodiscard]] nlohmann::ordered_json to_json(const Node& node);

}  // namespace mlctl
