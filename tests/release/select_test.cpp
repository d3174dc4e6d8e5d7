#include "release/select.h"

#include <doctest/doctest.h>

#include "base/filesystem.h"

namespace mlctl::release {
namespace {

constexpr const char* project_yaml = R"(apiVersion: mlctl/v1
kind: Project
tenants: [{name: fraud}, {name: risk, namespace: risk-team}]
defaults: {labels: {cost: low}, serving: {autoscale: {min: 2, max: 4}}}
environments:
  - {name: staging, gitops: {path: deploy/staging, branch: deploy}}
  - name: prod
    after: staging
    gitops: {path: deploy/prod, branch: deploy}
    defaults: {serving: {autoscale: {max: 9}}}
)";

std::string model_yaml(const std::string& name, const std::string& more = "") {
  return "apiVersion: mlctl/v1\nkind: Model\nname: " + name + "\n" + more;
}

struct Folder {
  TemporaryFolder root = *TemporaryFolder::create();
  void write(const std::string& path, const std::string& text) { REQUIRE(write_file(root.path() / path, text)); }
};

TEST_CASE("merged: later levels over earlier ones, and every value knows its level") {
  Folder folder;
  folder.write("mlctl.yaml", project_yaml);
  folder.write("models/a/model.yaml",
               model_yaml("fraud/a",
                          "serving: {autoscale: {min: 3}}\nenvironments: {prod: {serving: {autoscale: {min: 5}}}}\n"));
  const auto project = load_project(folder.root.path() / "models" / "a");  // looks upwards
  REQUIRE(project);
  REQUIRE(project->models.size() == 1);
  struct Case {
    const char* environment;
    const char* path;
    const char* value;
    const char* level;
  };
  for (const auto& c : std::vector<Case>{
           {"", "serving.autoscale.min", "3", "model"},
           {"", "serving.autoscale.max", "4", "project defaults"},
           {"staging", "serving.autoscale.max", "4", "project defaults"},
           {"prod", "serving.autoscale.max", "9", "defaults of prod"},
           {"prod", "serving.autoscale.min", "5", "model for prod"},
           {"prod", "serving.runtime", "mlserver", "built-in"},
           {"prod", "labels.cost", "low", "project defaults"},
       }) {
    CAPTURE(c.environment);
    CAPTURE(c.path);
    const auto config = merged(*project, project->models[0], c.environment);
    REQUIRE(config);
    const Node* node = find_path(*config, c.path);
    REQUIRE(node != nullptr);
    CHECK(node->text == c.value);
    CHECK(node->level == c.level);
  }
  CHECK(merged(*project, project->models[0], "nowhere").error().kind == Error::Kind::not_found);
}

TEST_CASE("find_model and select_models") {
  Folder folder;
  folder.write("mlctl.yaml", project_yaml);
  folder.write("models/a/model.yaml", model_yaml("fraud/a", "labels: {team: red}\n"));
  folder.write("models/b/model.yaml", model_yaml("risk/b", "labels: {team: red, size: big}\n"));
  folder.write("models/c/model.yaml", model_yaml("fraud/c"));
  folder.write("models/d/model.yaml", model_yaml("risk/c"));
  const auto project = load_project(folder.root.path());
  REQUIRE(project);
  CHECK(to_string((*find_model(*project, "fraud/a"))->name) == "fraud/a");
  CHECK(to_string((*find_model(*project, "b"))->name) == "risk/b");
  CHECK(to_string((*find_model(*project, (folder.root.path() / "models/d").string()))->name) == "risk/c");
  CHECK(find_model(*project, "c").error().kind == Error::Kind::usage);
  CHECK(find_model(*project, "fraud/z").error().kind == Error::Kind::not_found);
  CHECK(namespace_of(*project, {"risk", "b"}) == "risk-team");
  CHECK(namespace_of(*project, {"fraud", "a"}) == "fraud");

  struct Case {
    const char* name;
    std::vector<std::string> names, labels;
    std::size_t count;  // 0: refused
  };
  for (const auto& c : std::vector<Case>{
           {"nothing asked for: all", {}, {}, 4},
           {"one label", {}, {"team=red"}, 2},
           {"all labels must match", {}, {"team=red", "size=big"}, 1},
           {"a label from the defaults", {}, {"cost=low"}, 4},
           {"names, once each", {"b", "risk/b"}, {}, 1},
           {"names that lack the label", {"fraud/c"}, {"team=red"}, 0},
           {"a label without a value", {}, {"team"}, 0},
           {"a label that nobody has", {}, {"team=blue"}, 0},
           {"a name that nobody has", {"zzz"}, {}, 0},
       }) {
    CAPTURE(c.name);
    const auto chosen = select_models(*project, c.names, c.labels);
    REQUIRE(bool(chosen) == (c.count > 0));
    if (chosen) CHECK(chosen->size() == c.count);
  }
}

}  // namespace
}  // namespace mlctl::release
