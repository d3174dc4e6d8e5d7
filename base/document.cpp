#include "base/document.h"

namespace mlctl {

std::string to_string(const Position& position) {
  std::string file = position.file ? *position.file : "";
  if (position.line <= 0) return file;
  const std::string place = std::to_string(position.line) + ":" + std::to_string(position.column);
  return file.empty() ? place : file + ":" + place;
}

const Node* Node::find(std::string_view key) const {
  for (const auto& entry : entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

const Node* find_path(const Node& root, std::string_view path) {
  if (path.empty()) return &root;
  for (auto dot = path.find('.');; dot = path.find('.', dot + 1)) {
    const Node* below = root.find(path.substr(0, dot));
    if (dot == std::string_view::npos) return below;
    const Node* found = below ? find_path(*below, path.substr(dot + 1)) : nullptr;
    if (found) return found;
  }
}

}  // namespace mlctl
