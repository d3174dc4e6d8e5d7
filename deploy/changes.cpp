#include "deploy/changes.h"

#include <map>
#include <nlohmann/json.hpp>

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* hidden = "(hidden)";

std::string as_text(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Leaves by path, in the order of paths: two documents differ where these maps do.
void flatten(const Json& value, const std::string& path, std::map<std::string, std::string>& leaves) {
  if (value.is_object() && !value.empty()) {
    for (const auto& [key, child] : value.items()) {
      const bool plain = key.find_first_of(".[") == std::string::npos;
      flatten(child, plain ? (path.empty() ? key : path + "." + key) : path + "[" + as_text(key) + "]", leaves);
    }
  } else if (value.is_array() && !value.empty()) {
    for (std::size_t i = 0; i < value.size(); ++i) flatten(value[i], path + "[" + std::to_string(i) + "]", leaves);
  } else {
    leaves[path] = as_text(value);
  }
}

// Nothing that mlctl renders is secret, but a file edited by hand may hold what should not be shown: the content of a
// Secret, and a value written where a reference belongs.
bool is_secret(const std::string& kind, const std::string& path) {
  if (kind == "Secret") return path.starts_with("data") || path.starts_with("stringData");
  return path.find(".env[") != std::string::npos && path.ends_with("].value");
}

void hide_secrets(const std::string& kind, std::vector<FieldChange>& fields) {
  for (auto& field : fields)
    if (is_secret(kind, field.path) && !field.before.empty()) field.before = hidden;
}

std::string paint_change(const Change& change, const Style& style) {
  switch (change.kind) {
    case Change::Kind::create:
      return paint("+ create", Tone::good, style);
    case Change::Kind::change:
      return paint("~ change", Tone::warn, style);
    case Change::Kind::remove:
      return paint("- remove", Tone::bad, style);
  }
  return "";
}

}  // namespace

std::vector<FieldChange> field_changes(const Json& before, const Json& after) {
  std::map<std::string, std::string> old_leaves, new_leaves;
  flatten(before, "", old_leaves);
  flatten(after, "", new_leaves);
  std::map<std::string, FieldChange> changes;
  for (const auto& [path, value] : old_leaves) {
    const auto found = new_leaves.find(path);
    if (found == new_leaves.end())
      changes[path] = {path, value, ""};
    else if (found->second != value)
      changes[path] = {path, value, found->second};
  }
  for (const auto& [path, value] : new_leaves)
    if (old_leaves.count(path) == 0) changes[path] = {path, "", value};
  std::vector<FieldChange> out;
  out.reserve(changes.size());
  for (auto& [path, change] : changes) out.push_back(std::move(change));
  hide_secrets(key_of(after).kind, out);
  return out;
}

ChangeSet diff(const Objects& desired, const Objects& live) {
  std::map<ObjectKey, const Json*> there;
  for (const auto& object : live) there[key_of(object)] = &object;
  ChangeSet set;
  for (const auto& object : desired) {
    const auto key = key_of(object);
    const auto found = there.find(key);
    if (found == there.end()) {
      set.changes.push_back({Change::Kind::create, key, {}, {}});
      continue;
    }
    auto fields = field_changes(*found->second, object);
    there.erase(found);
    if (fields.empty())
      ++set.unchanged;
    else
      set.changes.push_back({Change::Kind::change, key, std::move(fields), {}});
  }
  for (const auto& [key, object] : there) set.changes.push_back({Change::Kind::remove, key, {}, {}});
  return set;
}

const char* to_string(Change::Kind kind) {
  switch (kind) {
    case Change::Kind::create:
      return "create";
    case Change::Kind::change:
      return "change";
    case Change::Kind::remove:
      return "remove";
  }
  return "";
}

std::string to_text(const ChangeSet& set, const Style& style) {
  std::string out;
  std::size_t created = 0, changed = 0, removed = 0;
  for (const auto& change : set.changes) {
    created += change.kind == Change::Kind::create ? 1 : 0;
    changed += change.kind == Change::Kind::change ? 1 : 0;
    removed += change.kind == Change::Kind::remove ? 1 : 0;
    out += paint_change(change, style) + " " + escape_control(to_string(change.object)) + "\n";
    for (const auto& field : change.fields)
      out += "    " + escape_control(field.path) + ": " +
             (field.before.empty() ? "(absent)" : paint(escape_control(field.before), Tone::bad, style)) + " -> " +
             (field.after.empty() ? "(removed)" : paint(escape_control(field.after), Tone::good, style)) + "\n";
    for (const auto& conflict : change.conflicts)
      out += "    " + paint("! conflict", Tone::bad, style) + " " + escape_control(conflict.field) + " is owned by " +
             escape_control(conflict.owner) + "\n";
  }
  out += std::to_string(created) + " to create, " + std::to_string(changed) + " to change, " + std::to_string(removed) +
         " to remove, " + std::to_string(set.unchanged) + " unchanged\n";
  return out;
}

Json to_json(const ChangeSet& set) {
  Json changes = Json::array();
  for (const auto& change : set.changes) {
    Json fields = Json::array();
    for (const auto& field : change.fields)
      fields.push_back({{"path", field.path}, {"before", field.before}, {"after", field.after}});
    Json one = {{"change", to_string(change.kind)}, {"apiVersion", change.object.api_version},
                {"kind", change.object.kind},       {"namespace", change.object.name_space},
                {"name", change.object.name},       {"fields", fields}};
    for (const auto& conflict : change.conflicts)
      one["conflicts"].push_back({{"field", conflict.field}, {"owner", conflict.owner}});
    changes.push_back(std::move(one));
  }
  return {{"schemaVersion", 1}, {"changes", changes}, {"unchanged", set.unchanged}};
}

}  // namespace mlctl::deploy
