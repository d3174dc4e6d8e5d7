#include "release/select.h"

#include <algorithm>

namespace mlctl::release {
namespace {

bool has_labels(const Project& project, const ModelEntry& model, const std::vector<std::string>& labels) {
  const auto config = merged(project, model, "");
  if (!config) return false;
  const Node* own = find_path(*config, "labels");
  return std::all_of(labels.begin(), labels.end(), [&](const std::string& label) {
    const auto equals = label.find('=');
    const Node* value = own == nullptr ? nullptr : own->find(label.substr(0, equals));
    return value != nullptr && value->kind == Node::Kind::scalar && value->text == label.substr(equals + 1);
  });
}

}  // namespace

Result<std::vector<registry::ModelName>> select_models(const Project& project, const std::vector<std::string>& names,
                                                       const std::vector<std::string>& labels) {
  for (const auto& label : labels)
    if (label.find('=') == std::string::npos || label.front() == '=')
      return Error{Error::Kind::usage, "a label is chosen as label=value, not '" + label + "'",
                   "for instance -l team=risk"};
  std::vector<registry::ModelName> chosen;
  for (const auto& name : names) {
    auto model = find_model(project, name);
    if (!model) return model.error();
    if (has_labels(project, **model, labels)) chosen.push_back((*model)->name);
  }
  if (names.empty())
    for (const auto& model : project.models)
      if (has_labels(project, model, labels)) chosen.push_back(model.name);
  if (chosen.empty() && !labels.empty())
    return Error{Error::Kind::usage,
                 "no model has the label" + std::string(labels.size() > 1 ? "s" : "") + " asked for",
                 "see `labels:` in the model.yaml files"};
  std::sort(chosen.begin(), chosen.end());
  chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
  return chosen;
}

}  // namespace mlctl::release
