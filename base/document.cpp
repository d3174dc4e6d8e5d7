#include "base/document.h"

namespace mlctl {

std::string to_string(const Position& position) {
  const std::string file = position.file ? *position.file : "";
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
  const Node* node = &root;
  while (node && !path.empty()) {
    const auto dot = path.find('.');
    node = node->find(path.substr(0, dot));
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  return node;
}

}  // namespace mlctl
