#include "validate/formats/xgboost.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "tests/validate/formats/bytes.h"

namespace mlctl::validate {
namespace {

using nlohmann::json;

// Two trees over three features: a stump, and one whose right branch splits again by category.
json model() {
  const auto tree = [](int id, json left, json right, json parents, json split, json type, json categories) {
    const auto n = left.size();
    const json zeros = std::vector<double>(n, 0.5);
    return json{
        {"id", id},
        {"left_children", left},
        {"right_children", right},
        {"parents", parents},
        {"split_indices", split},
        {"split_type", type},
        {"default_left", json(std::vector<int>(n, 0))},
        {"split_conditions", zeros},
        {"base_weights", zeros},
        {"loss_changes", zeros},
        {"sum_hessian", zeros},
        {"categories", categories},
        {"categories_nodes", categories.empty() ? json::array() : json{2}},
        {"categories_segments", categories.empty() ? json::array() : json{0}},
        {"categories_sizes", categories.empty() ? json::array() : json{categories.size()}},
        {"tree_param",
         {{"num_nodes", std::to_string(n)}, {"num_feature", "3"}, {"size_leaf_vector", "1"}, {"num_deleted", "0"}}}};
  };
  return {{"version", {2, 1, 4}},
          {"learner",
           {{"attributes", json::object()},
            {"feature_names", json::array()},
            {"feature_types", {"float", "float", "c"}},
            {"learner_model_param",
             {{"base_score", "5E-1"}, {"num_feature", "3"}, {"num_class", "0"}, {"num_target", "1"}}},
            {"objective", {{"name", "binary:logistic"}}},
            {"gradient_booster",
             {{"name", "gbtree"},
              {"model",
               {{"gbtree_model_param", {{"num_trees", "2"}, {"num_parallel_tree", "1"}}},
                {"tree_info", {0, 0}},
                {"iteration_indptr", {0, 1, 2}},
                {"trees",
                 {tree(0, {1, -1, -1}, {2, -1, -1}, {2147483647, 0, 0}, {0, 0, 0}, {0, 0, 0}, json::array()),
                  tree(1, {1, -1, 3, -1, -1}, {2, -1, 4, -1, -1}, {2147483647, 0, 0, 2, 2}, {1, 0, 2, 0, 0},
                       {0, 0, 1, 0, 0}, {0, 3})}}}}}}}}};
}

std::vector<std::string> check(const std::string& bytes, std::string (*by)(Input&, Findings&)) {
  Input in{std::string_view(bytes)};
  Findings findings("m");
  std::ignore = by(in, findings);
  return test::lines(findings);
}

std::string ubj(const json& document, bool counted = true, bool typed = true) {
  const auto bytes = json::to_ubjson(document, counted, typed);
  return {bytes.begin(), bytes.end()};
}

TEST_CASE("XGBoost: a well-formed model has no findings, in either encoding") {
  CHECK(check(model().dump(), check_xgboost_json).empty());
  CHECK(check(ubj(model()), check_xgboost_ubj).empty());
  CHECK(check(ubj(model(), true, false), check_xgboost_ubj).empty());
  CHECK(check(ubj(model(), false, false), check_xgboost_ubj).empty());
}

TEST_CASE("XGBoost: what contradicts itself is found, in either encoding") {
  const std::string booster = "/learner/gradient_booster";
  const std::string trees = booster + "/model/trees";
  struct Case {
    std::string name;
    std::string pointer;
    json value;
    std::string expected;
  };
  for (const auto& c : std::vector<Case>{
           {"a child outside of the tree", trees + "/0/right_children/0", 3,
            "xgboost-tree: tree 0: node 0 of 3 has the child 3"},
           {"a negative child", trees + "/0/right_children/0", -2,
            "xgboost-tree: tree 0: node 0 of 3 has the child -2"},
           {"a cycle", trees + "/1/right_children/2", 0, "xgboost-tree: tree 1: node 0 is reached twice"},
           {"a branch with two parents", trees + "/1/right_children/2", 1,
            "xgboost-tree: tree 1: node 1 is reached twice"},
           {"another parent", trees + "/1/parents/3", 0,
            "xgboost-tree: tree 1: node 3 is a child of 2, but names another parent"},
           {"an array too short",
            trees + "/0/split_indices",
            {0, 0},
            "xgboost-tree: tree 0: split_indices has 2 entries for 3 nodes"},
           {"an array too long",
            trees + "/0/base_weights",
            {0, 0, 0, 0},
            "xgboost-tree: tree 0: base_weights has 4 entries for 3 nodes of 1 values"},
           {"no nodes", trees + "/0/tree_param/num_nodes", "0", "xgboost-tree: tree 0: has no nodes"},
           {"a count that is no number", trees + "/0/tree_param/num_nodes", "3x", "xgboost-tree: tree 0: has no nodes"},
           {"a feature that the model does not have", trees + "/0/split_indices/0", 3,
            "xgboost-tree: a tree splits by feature 3, the model has 3 features"},
           {"a negative feature", trees + "/0/split_indices/0", -1,
            "xgboost-tree: tree 0: node 0 splits by feature -1"},
           {"half an index", trees + "/0/left_children/0", 1.5,
            "xgboost-tree: tree 0: has an index that is not a whole number"},
           {"an unknown kind of split", trees + "/0/split_type/0", 2,
            "xgboost-tree: tree 0: node 0 has a split of unknown type 2"},
           {"a split by category without categories", trees + "/0/split_type/0", 1,
            "xgboost-tree: tree 0: node 0 splits by category, but has no"},
           {"categories outside of their array", trees + "/1/categories_sizes/0", 3,
            "xgboost-tree: tree 1: categories of node 2 lie outside"},
           {"categories of a node that is not there", trees + "/1/categories_nodes/0", 9,
            "xgboost-tree: tree 1: categories of node 9, which does not exist"},
           {"a negative category", trees + "/1/categories/0", -1, "xgboost-tree: tree 1: holds a category below 0"},
           {"ids out of order", trees + "/1/id", 5, "xgboost-tree: tree 1: has the id 5"},
           {"more trees claimed than there are", booster + "/model/gbtree_model_param/num_trees", "3",
            "xgboost-malformed: num_trees is 3, there are 2 trees"},
           {"a group that the model does not have", booster + "/model/tree_info/1", 1,
            "xgboost-malformed: tree_info names group 1 of 1"},
           {"a negative group", booster + "/model/tree_info/1", -1,
            "xgboost-malformed: tree_info has an entry that is negative or not a whole number"},
           {"half a group", booster + "/model/tree_info/1", 0.5,
            "xgboost-malformed: tree_info has an entry that is negative or not a whole number"},
           {"a group that is a text", booster + "/model/tree_info/1", "0",
            "xgboost-malformed: tree_info has an entry that is negative or not a whole number"},
           {"tree_info of another length",
            booster + "/model/tree_info",
            {0},
            "xgboost-malformed: tree_info has 1 entries for 2 trees"},
           {"iterations that end elsewhere", booster + "/model/iteration_indptr/2", 3,
            "xgboost-malformed: iteration_indptr ends at 3"},
           {"iterations that go backwards",
            booster + "/model/iteration_indptr",
            {0, 2, 1, 2},
            "xgboost-malformed: iteration_indptr goes backwards"},
           {"an unknown booster", booster + "/name", "gbforest", "xgboost-malformed: the booster `gbforest`"},
           {"a booster without a name", booster, json::object(),
            "xgboost-malformed: learner.gradient_booster.name is missing"},
           {"no number of features", "/learner/learner_model_param/num_feature", "many",
            "xgboost-malformed: num_feature is not a number"},
           {"a base score of NaN", "/learner/learner_model_param/base_score", "NaN",
            "xgboost-number: base_score is `NaN`"},
           {"a list of base scores with infinity", "/learner/learner_model_param/base_score", "[5E-1,inf]",
            "xgboost-number: base_score is"},
           {"feature types for other features",
            "/learner/feature_types",
            {"float"},
            "xgboost-malformed: learner/feature_types/[] has 1 entries for 3 features"},
           {"a version of two numbers", "/version", {2, 1}, "xgboost-malformed: version is not three numbers"},
           {"a string among numbers", trees + "/0/left_children/1", "x",
            "xgboost-malformed: the document has `learner/gradient_booster/model/trees/[]/left_children/[]` that is "
            "not a number"},
           {"a list among numbers", trees + "/0/left_children/1", json::array(),
            "xgboost-malformed: the document has `learner/gradient_booster/model/trees/[]/left_children/[]` nested"},
       }) {
    CAPTURE(c.name);
    auto document = model();
    document[json::json_pointer(c.pointer)] = c.value;
    for (const auto& found : {check(document.dump(), check_xgboost_json), check(ubj(document), check_xgboost_ubj)}) {
      const bool told = std::any_of(found.begin(), found.end(),
                                    [&](const std::string& line) { return line.starts_with(c.expected); });
      CHECK_MESSAGE(told, (found.empty() ? "nothing was found" : found[0]));
    }
  }
}

TEST_CASE("XGBoost: a number that is not finite") {
  auto document = model();
  document["learner"]["gradient_booster"]["model"]["trees"][0]["base_weights"] = {
      0.5, std::numeric_limits<double>::infinity(), 0.5};
  CHECK(check(ubj(document), check_xgboost_ubj) ==
        std::vector<std::string>{"xgboost-number: tree 0: holds a number that is not finite"});
  auto text = model().dump();
  text.replace(text.find("0.5"), 3, "NaN");
  CHECK(check(text, check_xgboost_json)[0].starts_with("xgboost-malformed: the document has NaN or Infinity"));
}

TEST_CASE("XGBoost: a key that only looks like a path is none") {
  auto document = model();
  document["learner"].erase("objective");
  document["learner/objective/name"] = "binary:logistic";
  CHECK(check(document.dump(), check_xgboost_json) ==
        std::vector<std::string>{"xgboost-malformed: learner/objective/name is missing"});
}

TEST_CASE("XGBoost: the same key twice is refused, whatever a reader would make of it") {
  CHECK(check(R"({"learner":{},"learner":{}})", check_xgboost_json)[0] ==
        "xgboost-malformed: the document has the key `learner` twice");
}

TEST_CASE("XGBoost: any prefix of a file is found out") {
  for (const bool text : {true, false}) {
    const auto whole = text ? model().dump() : ubj(model());
    for (std::size_t size = 0; size < whole.size(); size += 7) {
      CAPTURE(size);
      CHECK_FALSE(check(whole.substr(0, size), text ? check_xgboost_json : check_xgboost_ubj).empty());
    }
  }
}

TEST_CASE("UBJSON: what claims more than there is costs nothing and is refused") {
  using namespace std::string_literals;
  struct Case {
    std::string name;
    std::string bytes;
    std::string expected;
  };
  for (const auto& c : std::vector<Case>{
           {"empty", "", "is not UBJSON: the end at byte 0"},
           {"an unknown marker", "x", "is not UBJSON: no value at byte 1"},
           {"a count of 2^63-1", "[$d#L\x7f\xff\xff\xff\xff\xff\xff\xff"s, "is not UBJSON: a number that is cut off"},
           {"a count of things without bytes", "[$Z#L\x7f\xff\xff\xff\xff\xff\xff\xff"s,
            "is not UBJSON: a common type that is none"},
           {"a negative count", "[#i\xff"s, "is not UBJSON: no length"},
           {"a type without a count", "[$d"s, "is not UBJSON: a common type without a count"},
           {"a string longer than the file", "SL\0\0\0\x7f\0\0\0\0"s,
            "is not UBJSON: a string that is cut off or too long"},
           {"nested too deep", std::string(100, '['), "is not UBJSON: nested deeper than 64"},
           {"something behind the document", "ZZ", "is not UBJSON: bytes follow the document"},
       }) {
    CAPTURE(c.name);
    const auto found = check(c.bytes, check_xgboost_ubj);
    REQUIRE(!found.empty());
    CHECK_MESSAGE(found[0].starts_with("xgboost-malformed: the document " + c.expected), found[0]);
  }
}

TEST_CASE("JSON: depth and the size of one string are bounded") {
  CHECK(check(std::string(100'000, '['), check_xgboost_json)[0] ==
        "xgboost-malformed: the document is nested deeper than 64");
  CHECK(check("\"" + std::string(17U << 20U, 'x') + "\"", check_xgboost_json)[0] ==
        "xgboost-malformed: the document has a string or number of more than 16 MiB");
}

}  // namespace
}  // namespace mlctl::validate
