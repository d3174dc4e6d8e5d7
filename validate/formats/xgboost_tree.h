// One regression tree as XGBoost stores it: parallel arrays over the nodes.
// XGBoost trusts them when it loads and predicts, so that every index is checked here.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mlctl::validate {

struct Tree {
  enum Array : std::size_t {
    left_children,
    right_children,
    parents,
    split_indices,
    split_type,
    default_left,
    split_conditions,
    base_weights,
    loss_changes,
    sum_hessian,
    leaf_weights,
    categories,
    categories_nodes,
    categories_segments,
    categories_sizes,
    array_count,
  };
  std::array<std::vector<double>, array_count> arrays;
  std::array<bool, array_count> present{};
  std::int64_t id = -1;
  std::int64_t num_nodes = -1;
  std::int64_t num_feature = -1;
  std::int64_t leaf_size = 1;  // size_leaf_vector
  bool not_whole = false;      // an index array holds a number that is not whole
  bool not_finite = false;     // any number is NaN or infinite

  [[nodiscard]] const std::vector<double>& operator[](Array which) const { return arrays[which]; }
};

// The array of this name, or array_count.
[[nodiscard]] Tree::Array tree_array(std::string_view name);
[[nodiscard]] bool holds_indexes(Tree::Array array);

// The first contradiction, or empty. `largest_feature` is raised to the largest feature that a split uses.
[[nodiscard]] std::string check_tree(const Tree& tree, std::int64_t& largest_feature);

}  // namespace mlctl::validate
