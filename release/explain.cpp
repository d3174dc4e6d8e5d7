#include "release/explain.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/units.h"

namespace mlctl::release {
namespace {

std::string written(const Node& node) {
  return node.kind == Node::Kind::scalar ? node.text : to_json(node).dump();
}

bool holds_maps(const Node& list) {
  return std::any_of(list.items.begin(), list.items.end(),
                     [](const Node& item) { return item.kind == Node::Kind::map; });
}

void collect(const Node& node, const std::string& path, std::vector<ExplainedValue>& values) {
  if (node.kind == Node::Kind::list && holds_maps(node)) {
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      collect(node.items[i], path + "[" + std::to_string(i) + "]", values);
    }
    return;
  }
  if (node.kind == Node::Kind::map && !node.entries.empty()) {
    for (const auto& entry : node.entries)
      collect(entry.value, path.empty() ? entry.key : path + "." + entry.key, values);
    return;
  }
  values.push_back({path, written(node), node.level, node.level == "built-in" ? "" : to_string(node.position)});
}

// `path` goes through lists as if their items were one: environments.gitops.path is in every environment.
void collect_at(const Node& tree, std::string_view path, const std::string& before,
                std::vector<ExplainedValue>& values) {
  if (const Node* node = find_path(tree, path)) return collect(*node, before + std::string(path), values);
  for (auto dot = path.find('.'); dot != std::string_view::npos; dot = path.find('.', dot + 1)) {
    const Node* list = find_path(tree, path.substr(0, dot));
    if (list == nullptr || list->kind != Node::Kind::list) continue;
    for (std::size_t i = 0; i < list->items.size(); ++i)
      collect_at(list->items[i], path.substr(dot + 1),
                 before + std::string(path.substr(0, dot)) + "[" + std::to_string(i) + "].", values);
    return;
  }
}

}  // namespace

Result<std::vector<ExplainedField>> explain_field(std::string_view path) {
  // Where one table names every part of the path, a free key of the other that it could be too is not meant.
  std::vector<ExplainedField> found, named;
  std::vector<std::string> known;
  for (const auto* table : {&model_table(), &project_table()}) {
    const Field* field = find_field(*table, path);
    const auto paths = field_paths(*table);
    known.insert(known.end(), paths.begin(), paths.end());
    if (field == nullptr) continue;
    found.push_back({std::string(path), table->name, field});
    if (std::find(paths.begin(), paths.end(), path) != paths.end()) named.push_back(found.back());
  }
  if (!named.empty()) return named;
  if (!found.empty()) return found;
  const auto close = nearest(path, known);
  return Error{Error::Kind::not_found,
               "no field '" + std::string(path.substr(0, 200)) + "' in model.yaml or mlctl.yaml",
               close.empty() ? "`mlctl explain` lists the fields" : "did you mean " + close + "?"};
}

std::vector<ExplainedValue> explain_values(const Node& tree, std::string_view path) {
  std::vector<ExplainedValue> values;
  collect_at(tree, path, "", values);
  return values;
}

}  // namespace mlctl::release
