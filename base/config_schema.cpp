#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/config.h"

namespace mlctl {
namespace {

using Json = nlohmann::ordered_json;

// Looks for the key among what may stand directly below: keys of an object, of an alternative, of a list's items; any
// key of a map.
const Field* child(const Field& field, std::string_view key) {
  for (const auto& below : field.fields) {
    if (field.type == Field::Type::object) {
      if (below.name == key) return &below;
    } else if (field.type == Field::Type::map) {
      return &below;
    } else if (const Field* found = child(below, key)) {
      return found;
    }
  }
  return nullptr;
}

void collect_paths(const Field& field, const std::string& path, std::vector<std::string>& paths) {
  for (const auto& below : field.fields) {
    if (field.type == Field::Type::object) {
      const auto name = path.empty() ? below.name : path + "." + below.name;
      paths.push_back(name);
      collect_paths(below, name, paths);
    } else if (field.type == Field::Type::map) {
      collect_paths(below, path + ".*", paths);
    } else {
      collect_paths(below, path, paths);
    }
  }
}

const char* scalar_name(Field::Type type) {
  switch (type) {
    case Field::Type::string:
      return "string";
    case Field::Type::integer:
      return "integer";
    case Field::Type::number:
      return "number";
    case Field::Type::boolean:
      return "boolean";
    case Field::Type::duration:
      return "duration";
    case Field::Type::percent:
      return "percentage";
    case Field::Type::rate:
      return "rate";
    case Field::Type::quantity:
      return "quantity";
    case Field::Type::object:
    case Field::Type::map:
      return "map";
    default:
      return "value";
  }
}

std::string joined(const std::vector<std::string>& words, const std::string& between) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

Json scalar_schema(const Field& field) {
  switch (field.type) {
    case Field::Type::string:
      return {{"type", {"string", "number", "boolean"}}};
    case Field::Type::integer:
      return {{"type", "integer"}};
    case Field::Type::number:
      return {{"type", "number"}};
    case Field::Type::boolean:
      return {{"type", "boolean"}};
    case Field::Type::duration:
      return {{"type", "string"}, {"pattern", "^[0-9]+(\\.[0-9]+)?(us|ms|s|m|h|d)$"}};
    case Field::Type::percent:
      return {{"type", "string"}, {"pattern", "^[0-9]+(\\.[0-9]+)?%$"}};
    case Field::Type::rate:
      return {{"type", "string"}, {"pattern", "^[0-9]+(\\.[0-9]+)?/s$"}};
    case Field::Type::quantity:
      return {{"type", {"string", "number"}}};
    case Field::Type::choice:
      return {{"enum", field.choices}};
    default:
      return Json::object();
  }
}

Json field_schema(const Field& field);

// A key without a value takes what a lower level says away (see config.h), so that null is a value of whatever may
// be absent.
Json or_null(Json schema) {
  if (const auto type = schema.find("type"); type != schema.end()) {
    if (type->is_string()) *type = Json::array({*type});
    type->push_back("null");
  }
  if (const auto words = schema.find("enum"); words != schema.end()) words->push_back(nullptr);
  if (const auto any = schema.find("anyOf"); any != schema.end()) any->push_back({{"type", "null"}});
  return schema;
}

Json object_schema(const Field& field) {
  Json schema{{"type", "object"}, {"additionalProperties", false}, {"properties", Json::object()}};
  std::vector<std::string> required;
  for (const auto& below : field.fields) {
    schema["properties"][below.name] = below.required ? field_schema(below) : or_null(field_schema(below));
    if (below.required) required.push_back(below.name);
  }
  if (!required.empty()) schema["required"] = required;
  return schema;
}

Json shape_schema(const Field& field) {
  switch (field.type) {
    case Field::Type::object:
      return object_schema(field);
    case Field::Type::list: {
      Json schema{{"type", "array"}};
      if (!field.fields.empty()) schema["items"] = field_schema(field.fields[0]);
      return schema;
    }
    case Field::Type::map: {
      Json schema{{"type", "object"}};
      if (!field.fields.empty()) schema["additionalProperties"] = field_schema(field.fields[0]);
      return schema;
    }
    case Field::Type::either: {
      Json schema{{"anyOf", Json::array()}};
      for (const auto& alternative : field.fields) schema["anyOf"].push_back(field_schema(alternative));
      return schema;
    }
    default:
      return scalar_schema(field);
  }
}

Json field_schema(const Field& field) {
  Json schema = Json::object();
  if (!field.doc.empty()) schema["description"] = field.doc;
  schema.update(shape_schema(field));
  if (!field.fallback.empty()) {
    if (const auto fallback = parse_yaml(field.fallback, "built-in")) schema["default"] = to_json(*fallback);
  }
  return schema;
}

}  // namespace

const Field* find_field(const Field& table, std::string_view path) {
  if (path.empty()) return &table;
  for (auto dot = path.find('.');; dot = path.find('.', dot + 1)) {
    const Field* below = child(table, path.substr(0, dot));
    if (dot == std::string_view::npos) return below;
    const Field* found = below ? find_field(*below, path.substr(dot + 1)) : nullptr;
    if (found) return found;
  }
}

std::vector<std::string> field_paths(const Field& table) {
  std::vector<std::string> paths;
  collect_paths(table, "", paths);
  return paths;
}

std::string type_name(const Field& field) {
  if (field.type == Field::Type::choice) {
    return (field.choices.size() > 1 ? "one of " : "") + joined(field.choices, ", ");
  }
  if (field.type == Field::Type::list) return field.fields.empty() ? "list" : "list of " + type_name(field.fields[0]);
  if (field.type != Field::Type::either) return scalar_name(field.type);
  std::vector<std::string> names;
  for (const auto& alternative : field.fields) names.push_back(type_name(alternative));
  return joined(names, " or ");
}

nlohmann::ordered_json json_schema(const Field& table, const std::string& title) {
  Json schema{{"$schema", "http://json-schema.org/draft-07/schema#"}, {"title", title}};
  schema.update(field_schema(table));
  return schema;
}

}  // namespace mlctl
