#include "validate/formats/xgboost_tree.h"

#include <algorithm>

namespace mlctl::validate {
namespace {

constexpr std::array<std::string_view, Tree::array_count> names{
    "left_children", "right_children",   "parents",          "split_indices",       "split_type",
    "default_left",  "split_conditions", "base_weights",     "loss_changes",        "sum_hessian",
    "leaf_weights",  "categories",       "categories_nodes", "categories_segments", "categories_sizes",
};

std::string text(double number) {
  return std::to_string(static_cast<std::int64_t>(number));
}

std::string check_sizes(const Tree& tree) {
  if (tree.num_nodes < 1) return "has no nodes";
  const auto nodes = static_cast<std::size_t>(tree.num_nodes);
  for (const auto array : {Tree::left_children, Tree::right_children, Tree::parents, Tree::split_indices,
                           Tree::split_conditions, Tree::default_left}) {
    if (tree[array].size() != nodes) {
      return std::string(names[array]) + " has " + std::to_string(tree[array].size()) + " entries for " +
             std::to_string(nodes) + " nodes";
    }
  }
  for (const auto array : {Tree::split_type, Tree::loss_changes, Tree::sum_hessian}) {  // not in every version
    if (tree.present[array] && tree[array].size() != nodes) {
      return std::string(names[array]) + " has " + std::to_string(tree[array].size()) + " entries for " +
             std::to_string(nodes) + " nodes";
    }
  }
  const auto leaf = static_cast<std::size_t>(std::max<std::int64_t>(1, tree.leaf_size));
  if (tree[Tree::base_weights].size() % leaf != 0 || tree[Tree::base_weights].size() / leaf != nodes) {
    return "base_weights has " + std::to_string(tree[Tree::base_weights].size()) + " entries for " +
           std::to_string(nodes) + " nodes of " + std::to_string(leaf) + " values";
  }
  return {};
}

std::string check_categories(const Tree& tree) {
  const auto& nodes = tree[Tree::categories_nodes];
  const auto& segments = tree[Tree::categories_segments];
  const auto& sizes = tree[Tree::categories_sizes];
  if (nodes.size() != segments.size() || nodes.size() != sizes.size())
    return "categories_nodes, _segments and _sizes differ in length";
  const auto total = static_cast<double>(tree[Tree::categories].size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i] < 0 || nodes[i] >= static_cast<double>(tree.num_nodes))
      return "categories of node " + text(nodes[i]) + ", which does not exist";
    if (i > 0 && nodes[i] <= nodes[i - 1]) return "categories_nodes are not in order";
    if (segments[i] < 0 || sizes[i] < 0 || segments[i] + sizes[i] > total)
      return "categories of node " + text(nodes[i]) + " lie outside their array";
  }
  const auto& values = tree[Tree::categories];
  const bool sane =
      std::all_of(values.begin(), values.end(), [](double value) { return value >= 0 && value < 16777216; });
  return sane ? std::string() : "holds a category below 0 or above 16,777,215";
}

std::string check_split(const Tree& tree, std::size_t node, std::int64_t& largest_feature) {
  const double feature = tree[Tree::split_indices][node];
  if (feature < 0 || feature >= 2147483648.0)
    return "node " + std::to_string(node) + " splits by feature " + text(feature);
  largest_feature = std::max(largest_feature, static_cast<std::int64_t>(feature));
  if (!tree.present[Tree::split_type]) return {};
  const double type = tree[Tree::split_type][node];
  if (type != 0 && type != 1) return "node " + std::to_string(node) + " has a split of unknown type " + text(type);
  const auto& nodes = tree[Tree::categories_nodes];
  if (type == 1 && !std::binary_search(nodes.begin(), nodes.end(), static_cast<double>(node))) {
    return "node " + std::to_string(node) + " splits by category, but has no categories";
  }
  return {};
}

// In a tree of vector leaves the right child of a leaf is the leaf's place in leaf_weights.
std::string check_leaf(const Tree& tree, std::size_t node) {
  if (!tree.present[Tree::leaf_weights] || tree.leaf_size <= 1) return {};
  const double place = tree[Tree::right_children][node];
  const std::size_t leaves = tree[Tree::leaf_weights].size() / static_cast<std::size_t>(tree.leaf_size);
  if (place >= 0 && place < static_cast<double>(leaves)) return {};
  return "leaf " + std::to_string(node) + " has its weights outside of leaf_weights";
}

// From the root every node is reached at most once: no cycle, no node with two parents.
std::string check_links(const Tree& tree, std::int64_t& largest_feature) {
  const auto count = static_cast<std::size_t>(tree.num_nodes);
  std::vector<bool> reached(count);
  std::vector<std::size_t> open{0};
  reached[0] = true;
  while (!open.empty()) {
    const auto node = open.back();
    open.pop_back();
    if (tree[Tree::left_children][node] == -1) {
      if (auto problem = check_leaf(tree, node); !problem.empty()) return problem;
      continue;
    }
    if (auto problem = check_split(tree, node, largest_feature); !problem.empty()) return problem;
    for (const auto array : {Tree::left_children, Tree::right_children}) {
      const double link = tree[array][node];
      if (link < 0 || link >= static_cast<double>(count)) {
        return "node " + std::to_string(node) + " of " + std::to_string(count) + " has the child " + text(link);
      }
      const auto child = static_cast<std::size_t>(link);
      if (reached[child])
        return "node " + std::to_string(child) + " is reached twice: the tree has a cycle or shares a branch";
      reached[child] = true;
      if (tree[Tree::parents][child] != static_cast<double>(node)) {
        return "node " + std::to_string(child) + " is a child of " + std::to_string(node) +
               ", but names another parent";
      }
      open.push_back(child);
    }
  }
  return {};
}

}  // namespace

Tree::Array tree_array(std::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  return static_cast<Tree::Array>(found - names.begin());
}

bool holds_indexes(Tree::Array array) {
  return array != Tree::split_conditions && array != Tree::base_weights && array != Tree::loss_changes &&
         array != Tree::sum_hessian && array != Tree::leaf_weights;
}

std::string check_tree(const Tree& tree, std::int64_t& largest_feature) {
  if (tree.not_whole) return "has an index that is not a whole number";
  if (tree.leaf_size < 0 || tree.leaf_size > 1'000'000)
    return "has leaves of " + std::to_string(tree.leaf_size) + " values";
  if (auto problem = check_sizes(tree); !problem.empty()) return problem;
  if (auto problem = check_categories(tree); !problem.empty()) return problem;
  return check_links(tree, largest_feature);
}

}  // namespace mlctl::validate
