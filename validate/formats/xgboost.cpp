#include "validate/formats/xgboost.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>

#include "validate/formats/events.h"
#include "validate/formats/xgboost_tree.h"

namespace mlctl::validate {
namespace {

constexpr std::size_t array_limit = 1U << 21U;  // entries of one array of a tree
constexpr std::size_t trees_limit = 1U << 22U;
constexpr std::string_view booster = "learner/gradient_booster/";

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "5E-1", or since version 3.1 a list: "[4.9E-1,1E0]". NaN and infinity are no numbers here.
bool finite_numbers(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  for (;;) {
    const auto comma = text.find(',');
    const auto part = text.substr(0, comma);
    double value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc() || end != part.data() + part.size() || !std::isfinite(value)) return false;
    if (comma == std::string_view::npos) return true;
    text.remove_prefix(comma + 1);
  }
}

class Model : public Consumer {
 public:
  explicit Model(Findings& findings) : findings_(findings) {}

  // After the last event: what belongs together across the document.
  void finish();
  [[nodiscard]] std::string summary() const;

 protected:
  void enter(bool list) override;
  void leave(bool list) override;
  void value(const Scalar& scalar) override;

 private:
  void tree_value(std::string_view name, const Scalar& scalar);
  void keep(const Scalar& scalar);
  void malformed(const std::string& what) { findings_.add("xgboost-malformed", what); }
  [[nodiscard]] std::int64_t number(const std::string& path) const;
  void check_ensemble(std::int64_t features);
  void check_linear(std::int64_t features);
  void check_features(std::int64_t features);
  // "model/…" below the booster that has it: dart wraps a gbtree.
  [[nodiscard]] std::string_view model_path() const;

  Findings& findings_;
  std::map<std::string, std::string, std::less<>> kept_;       // scalars outside of arrays, by path
  std::map<std::string, std::uint64_t, std::less<>> lengths_;  // of the lists outside of trees, by path
  Tree tree_;
  bool in_tree_ = false;
  std::vector<double>* sink_ = nullptr;  // the array of tree_ that is being filled
  Tree::Array sink_array_ = Tree::array_count;
  std::int64_t trees_ = 0;
  std::int64_t largest_feature_ = -1;
  std::int64_t largest_group_ = -1;
  bool no_group_ = false;  // tree_info holds what is none
  std::int64_t last_boundary_ = 0;
  std::int64_t tree_features_ = -1;
};

std::string_view Model::model_path() const {
  std::string_view rest = path();
  if (!rest.starts_with(booster)) return {};
  rest.remove_prefix(booster.size());
  if (rest.starts_with("gbtree/")) rest.remove_prefix(7);
  return rest.starts_with("model/") ? rest.substr(6) : std::string_view();
}

void Model::enter(bool list) {
  if (sink_ != nullptr) return stop("has `" + path() + "` nested where numbers are expected");
  const auto at = model_path();
  if (at == "trees/[]" && !list) {
    tree_ = Tree();
    in_tree_ = true;
    if (trees_ >= static_cast<std::int64_t>(trees_limit))
      stop("has more than " + std::to_string(trees_limit) + " trees");
  } else if (in_tree_ && list && at.starts_with("trees/[]/")) {
    sink_array_ = tree_array(at.substr(9));
    if (sink_array_ == Tree::array_count) return;
    sink_ = &tree_.arrays[sink_array_];
    tree_.present[sink_array_] = true;
  }
}

void Model::leave(bool list) {
  if (list) sink_ = nullptr;
  if (list || !in_tree_ || model_path() != "trees/[]") return;
  in_tree_ = false;
  const auto name = "tree " + std::to_string(trees_) + ": ";
  if (tree_.id != trees_) findings_.add("xgboost-tree", name + "has the id " + std::to_string(tree_.id));
  if (tree_.not_finite) findings_.add("xgboost-number", name + "holds a number that is not finite");
  if (const auto problem = check_tree(tree_, largest_feature_); !problem.empty())
    findings_.add("xgboost-tree", name + problem);
  tree_features_ = std::max(tree_features_, tree_.num_feature);
  ++trees_;
}

void Model::value(const Scalar& scalar) {
  if (sink_ != nullptr) {
    if (sink_->size() >= array_limit)
      return stop("has a tree with an array of more than " + std::to_string(array_limit) + " entries");
    const bool flag = scalar.kind == Scalar::Kind::boolean && sink_array_ == Tree::default_left;
    if (!scalar.numeric() && !flag) return stop("has `" + path() + "` that is not a number");
    const double number = flag ? static_cast<double>(scalar.integer) : scalar.real;
    if (!std::isfinite(number)) tree_.not_finite = true;
    if (holds_indexes(sink_array_) &&
        (!std::isfinite(number) || number != std::floor(number) || std::fabs(number) > 9e15))
      tree_.not_whole = true;
    sink_->push_back(number);
    return;
  }
  const auto at = model_path();
  if (in_tree_ && at.starts_with("trees/[]/")) return tree_value(at.substr(9), scalar);
  if (path().ends_with("/[]")) {
    ++lengths_[path()];
    if (scalar.kind == Scalar::Kind::real && !std::isfinite(scalar.real)) {
      findings_.add("xgboost-number", "`" + path() + "` holds a number that is not finite");
    }
    if (at == "tree_info/[]") {
      no_group_ = no_group_ || scalar.kind != Scalar::Kind::integer || scalar.integer < 0;
      largest_group_ = std::max(largest_group_, scalar.integer);
    }
    if (at == "iteration_indptr/[]") {
      if (scalar.integer < last_boundary_) malformed("iteration_indptr goes backwards");
      last_boundary_ = scalar.integer;
    }
    if (lengths_.size() > 10'000) stop("has too many lists");
    return;
  }
  keep(scalar);
}

void Model::tree_value(std::string_view name, const Scalar& scalar) {
  if (name == "id") {
    tree_.id = scalar.kind == Scalar::Kind::integer ? scalar.integer : -1;
  } else if (scalar.kind == Scalar::Kind::text) {
    const auto number = whole_number(scalar.text).value_or(-1);
    if (name == "tree_param/num_nodes") tree_.num_nodes = number;
    if (name == "tree_param/num_feature") tree_.num_feature = number;
    if (name == "tree_param/size_leaf_vector") tree_.leaf_size = number;
  }
}

void Model::keep(const Scalar& scalar) {
  if (path().starts_with("learner/attributes/")) return;  // the user's own notes
  if (kept_.size() > 10'000) return stop("has more parameters than a model needs");
  if (scalar.kind == Scalar::Kind::text) {
    kept_[path()] = std::string(scalar.text.substr(0, 4096));
  } else if (scalar.kind == Scalar::Kind::integer) {
    kept_[path()] = std::to_string(scalar.integer);
  } else if (scalar.kind == Scalar::Kind::real && !std::isfinite(scalar.real)) {
    findings_.add("xgboost-number", "`" + path() + "` is not finite");
  }
}

std::int64_t Model::number(const std::string& path) const {
  const auto found = kept_.find(path);
  return found == kept_.end() ? -1 : whole_number(found->second).value_or(-1);
}

void Model::finish() {
  const auto name = kept_.find("learner/gradient_booster/name");
  if (name == kept_.end()) return malformed("learner.gradient_booster.name is missing");
  for (const char* path : {"learner/learner_model_param/num_feature", "learner/learner_model_param/base_score",
                           "learner/objective/name"}) {
    if (!kept_.contains(path)) malformed(std::string(path) + " is missing");
  }
  if (lengths_["version/[]"] != 3) malformed("version is not three numbers");
  const auto features = number("learner/learner_model_param/num_feature");
  if (features < 0) return malformed("num_feature is not a number");
  if (const auto score = kept_.find("learner/learner_model_param/base_score");
      score != kept_.end() && !finite_numbers(score->second)) {
    findings_.add("xgboost-number", "base_score is `" + score->second.substr(0, 100) + "`");
  }
  check_features(features);
  if (name->second == "gbtree" || name->second == "dart") return check_ensemble(features);
  if (name->second == "gblinear") return check_linear(features);
  malformed("the booster `" + name->second.substr(0, 100) + "` is not gbtree, dart or gblinear");
}

void Model::check_features(std::int64_t features) {
  for (const char* list : {"learner/feature_names/[]", "learner/feature_types/[]"}) {
    const auto found = lengths_.find(list);
    if (found != lengths_.end() && static_cast<std::int64_t>(found->second) != features) {
      malformed(std::string(list) + " has " + std::to_string(found->second) + " entries for " +
                std::to_string(features) + " features");
    }
  }
}

void Model::check_ensemble(std::int64_t features) {
  const bool dart = kept_["learner/gradient_booster/name"] == "dart";
  const std::string model = std::string(booster) + (dart ? "gbtree/" : "") + "model/";
  const auto claimed = number(model + "gbtree_model_param/num_trees");
  const auto infos = static_cast<std::int64_t>(lengths_[model + "tree_info/[]"]);
  if (claimed != trees_)
    malformed("num_trees is " + std::to_string(claimed) + ", there are " +
              count_text(static_cast<std::uint64_t>(trees_), "tree"));
  if (infos != trees_)
    malformed("tree_info has " + std::to_string(infos) + " entries for " +
              count_text(static_cast<std::uint64_t>(trees_), "tree"));
  if (lengths_.contains(model + "iteration_indptr/[]") && last_boundary_ != trees_) {
    malformed("iteration_indptr ends at " + std::to_string(last_boundary_) + ", there are " +
              count_text(static_cast<std::uint64_t>(trees_), "tree"));
  }
  if (dart && static_cast<std::int64_t>(lengths_[std::string(booster) + "weight_drop/[]"]) != trees_) {
    malformed("weight_drop does not have one entry per tree");
  }
  const auto groups = std::max({std::int64_t{1}, number("learner/learner_model_param/num_class"),
                                number("learner/learner_model_param/num_target")});
  if (no_group_) malformed("tree_info has an entry that is negative or not a whole number");
  if (largest_group_ >= groups)
    malformed("tree_info names group " + std::to_string(largest_group_) + " of " + std::to_string(groups));
  if (largest_feature_ >= features) {
    findings_.add("xgboost-tree", "a tree splits by feature " + std::to_string(largest_feature_) + ", the model has " +
                                      std::to_string(features) + " features");
  }
  if (tree_features_ > features)
    malformed("a tree is made for " + std::to_string(tree_features_) + " features, the model has " +
              std::to_string(features));
}

void Model::check_linear(std::int64_t features) {
  const auto weights = static_cast<std::int64_t>(lengths_[std::string(booster) + "model/weights/[]"]);
  const auto groups = std::max({std::int64_t{1}, number("learner/learner_model_param/num_class"),
                                number("learner/learner_model_param/num_target")});
  if (features > INT64_MAX / 2 / groups || weights != (features + 1) * groups) {
    malformed("weights has " + std::to_string(weights) + " entries for " + std::to_string(features) +
              " features and a bias in " + std::to_string(groups) + (groups == 1 ? " group" : " groups"));
  }
}

std::string Model::summary() const {
  const auto text = [&](std::string_view path) {
    const auto found = kept_.find(path);
    return found == kept_.end() ? std::string("unknown") : found->second;
  };
  const auto name = text("learner/gradient_booster/name");
  const std::string trees =
      name == "gblinear" ? "" : ", " + std::to_string(trees_) + (trees_ == 1 ? " tree" : " trees");
  return name + trees + ", " + text("learner/learner_model_param/num_feature") + " features, " +
         text("learner/objective/name");
}

std::string check(Input& in, Findings& findings, std::optional<std::string> (*read)(Input&, Events&)) {
  Model model(findings);
  const auto problem = read(in, model);
  if (!model.problem().empty() || problem) {
    findings.add("xgboost-malformed", "the document " + (model.problem().empty() ? *problem : model.problem()));
    return "not readable";
  }
  model.finish();
  return model.summary();
}

}  // namespace

std::string check_xgboost_json(Input& in, Findings& findings) {
  return check(in, findings, [](Input& from, Events& events) { return read_json(from, from.size(), events); });
}

std::string check_xgboost_ubj(Input& in, Findings& findings) {
  return check(in, findings, read_ubjson);
}

}  // namespace mlctl::validate
