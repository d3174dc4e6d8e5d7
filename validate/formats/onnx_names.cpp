#include "validate/formats/onnx_names.h"

#include <algorithm>
#include <functional>

namespace mlctl::validate {
namespace {

constexpr std::size_t texts_kept = 4096;  // a model whose initializers follow its nodes leaves many open for a while
constexpr std::size_t text_kept = 80;

std::uint64_t hash_of(std::string_view name) {
  return std::hash<std::string_view>()(name);
}

}  // namespace

void OnnxNames::know(std::string_view name, std::uint64_t node) {
  if (name.empty()) return;
  if (made_.size() >= limit) {
    full_ = true;
    return;
  }
  auto& first = made_.try_emplace(hash_of(name), node).first->second;
  first = std::min(first, node);
}

void OnnxNames::provide(std::string_view name) {
  know(name, 0);
}

void OnnxNames::make(std::string_view name) {
  know(name, node_);
}

void OnnxNames::take(std::string_view name) {
  if (name.empty()) return;
  const auto hash = hash_of(name);
  const auto found = made_.find(hash);
  if (found != made_.end() && found->second < node_) return;
  if (open_.size() >= limit) {
    full_ = true;
    return;
  }
  if (texts_.size() < texts_kept) texts_.emplace_back(name.substr(0, text_kept));
  open_.push_back({.hash = hash, .node = node_, .text = static_cast<std::uint32_t>(open_.size())});
}

std::optional<std::string> OnnxNames::dangling() const {
  if (full_) return std::nullopt;
  for (const auto& taken : open_) {
    const auto found = made_.find(taken.hash);
    if (found != made_.end() && found->second < taken.node) continue;
    const auto name = taken.text < texts_.size() ? "`" + texts_[taken.text] + "`" : std::string("an input");
    return "node " + std::to_string(taken.node) + " takes " + name + ", which nothing before it makes";
  }
  return std::nullopt;
}

}  // namespace mlctl::validate
