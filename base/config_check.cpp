#include <algorithm>

#include "base/config.h"
#include "base/units.h"

namespace mlctl {
namespace {

constexpr std::size_t problems_shown = 10;

std::string in_quotes(std::string_view text) {
  return "'" + std::string(text.substr(0, 60)) + (text.size() > 60 ? "…" : "") + "'";
}

const char* kind_name(const Node& node) {
  switch (node.kind) {
    case Node::Kind::null:
      return "nothing";
    case Node::Kind::scalar:
      return "a single value";
    case Node::Kind::list:
      return "a list";
    case Node::Kind::map:
      return "a map";
  }
  return "";
}

class Checker {
 public:
  void check(const Node& node, const Field& table, const std::string& path);
  std::vector<Problem> problems;

 private:
  void add(const Position& position, std::string message, std::string hint = "") {
    problems.push_back({position, std::move(message), std::move(hint)});
  }
  void wrong_kind(const Node& node, const Field& table, const std::string& path) {
    add(node.position,
        (path.empty() ? "the file" : path) + " must be " + with_article(type_name(table)) + ", not " + kind_name(node),
        table.name.empty() || table.doc.empty() ? "" : table.name + ": " + table.doc);
  }
  static std::string with_article(const std::string& type) {
    if (type.rfind("one of ", 0) == 0 || type.find(" or ") != std::string::npos) return type;
    return (std::string("aeiou").find(type[0]) == std::string::npos ? "a " : "an ") + type;
  }
  void check_object(const Node& node, const Field& table, const std::string& path);
  void check_scalar(const Node& node, const Field& table, const std::string& path);
  void check_either(const Node& node, const Field& table, const std::string& path);
  void check_choice(const Node& node, const Field& table, const std::string& path);
};

std::string below(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : path + "." + std::string(key);
}

template <typename T>
std::optional<Error> error_of(const Result<T>& result) {
  if (result) return std::nullopt;
  return result.error();
}

// What is wrong with the text of a scalar of this type.
std::optional<Error> scalar_error(const Node& node, Field::Type type) {
  switch (type) {
    case Field::Type::integer:
      return error_of(parse_integer(node.text));
    case Field::Type::number:
      return error_of(parse_number(node.text));
    case Field::Type::duration:
      return error_of(parse_duration(node.text));
    case Field::Type::percent:
      return error_of(parse_percent(node.text));
    case Field::Type::rate:
      return error_of(parse_rate(node.text));
    case Field::Type::quantity:
      return error_of(parse_quantity(node.text));
    case Field::Type::boolean:
      break;
    default:
      return std::nullopt;
  }
  if (!node.quoted && (node.text == "true" || node.text == "false")) return std::nullopt;
  return Error{Error::Kind::usage, in_quotes(node.text) + " is not true or false", "true or false, as they stand here"};
}

void Checker::check_scalar(const Node& node, const Field& table, const std::string& path) {
  if (node.kind != Node::Kind::scalar) return wrong_kind(node, table, path);
  auto error = scalar_error(node, table.type);
  if (!error && table.rule) error = error_of(table.rule(node.text));
  if (error) add(node.position, path + ": " + error->message, error->hint);
}

void Checker::check_choice(const Node& node, const Field& table, const std::string& path) {
  if (node.kind != Node::Kind::scalar) return wrong_kind(node, table, path);
  if (std::find(table.choices.begin(), table.choices.end(), node.text) != table.choices.end()) return;
  const auto close = nearest(node.text, table.choices);
  add(node.position, path + " must be " + type_name(table) + ", not " + in_quotes(node.text),
      close.empty() ? "" : "did you mean '" + close + "'?");
}

void Checker::check_object(const Node& node, const Field& table, const std::string& path) {
  if (node.kind != Node::Kind::map) return wrong_kind(node, table, path);
  std::vector<std::string> known, meant;
  for (const auto& field : table.fields) known.push_back(field.name);
  for (const auto& entry : node.entries) {
    const auto field = std::find_if(table.fields.begin(), table.fields.end(),
                                    [&](const Field& candidate) { return candidate.name == entry.key; });
    if (field != table.fields.end()) {
      check(entry.value, *field, below(path, entry.key));
      continue;
    }
    const auto close = nearest(entry.key, known);
    add(entry.position, "unknown key " + in_quotes(entry.key) + (path.empty() ? "" : " in " + path),
        close.empty() ? "" : "did you mean '" + close + "'?");
    meant.push_back(close);
  }
  for (const auto& field : table.fields) {
    const bool misspelt = std::find(meant.begin(), meant.end(), field.name) != meant.end();
    if (field.required && !node.find(field.name) && !misspelt)
      add(node.position, below(path, field.name) + " is missing", field.name + ": " + field.doc);
  }
}

void Checker::check_either(const Node& node, const Field& table, const std::string& path) {
  if (const Field* alternative = alternative_for(node, table)) return check(node, *alternative, path);
  wrong_kind(node, table, path);
}

void Checker::check(const Node& node, const Field& table, const std::string& path) {
  const bool null = node.kind == Node::Kind::null;
  if (null && path.empty() && table.type == Field::Type::object) {  // an empty file: say what it lacks
    Node empty = node;
    empty.kind = Node::Kind::map;
    return check_object(empty, table, path);
  }
  if (null) {  // takes the value of a lower level away
    if (table.required) add(node.position, path + " is missing", table.name + ": " + table.doc);
    return;
  }
  switch (table.type) {
    case Field::Type::object:
      return check_object(node, table, path);
    case Field::Type::either:
      return check_either(node, table, path);
    case Field::Type::choice:
      return check_choice(node, table, path);
    case Field::Type::any:
      return;
    case Field::Type::list:
      if (node.kind != Node::Kind::list) return wrong_kind(node, table, path);
      for (std::size_t i = 0; i < node.items.size() && !table.fields.empty(); ++i) {
        check(node.items[i], table.fields[0], path + "[" + std::to_string(i) + "]");
      }
      return;
    case Field::Type::map:
      if (node.kind != Node::Kind::map) return wrong_kind(node, table, path);
      for (const auto& entry : node.entries) {
        if (!table.fields.empty()) check(entry.value, table.fields[0], below(path, entry.key));
      }
      return;
    default:
      return check_scalar(node, table, path);
  }
}

}  // namespace

std::vector<Problem> check_config(const Node& node, const Field& table) {
  Checker checker;
  checker.check(node, table, "");
  std::stable_sort(checker.problems.begin(), checker.problems.end(), [](const Problem& a, const Problem& b) {
    return std::pair(a.position.line, a.position.column) < std::pair(b.position.line, b.position.column);
  });
  return std::move(checker.problems);
}

Status as_status(const std::vector<Problem>& problems) {
  if (problems.empty()) return ok();
  Error error{Error::Kind::usage, "", ""};
  for (std::size_t i = 0; i < problems.size() && i < problems_shown; ++i) {
    const auto place = to_string(problems[i].position);
    error.message += (i > 0 ? "\n" : "") + (place.empty() ? "" : place + ": ") + problems[i].message;
    if (error.hint.empty()) error.hint = problems[i].hint;
  }
  if (problems.size() > problems_shown) {
    error.message += "\nand " + std::to_string(problems.size() - problems_shown) + " more";
  }
  return error;
}

}  // namespace mlctl
