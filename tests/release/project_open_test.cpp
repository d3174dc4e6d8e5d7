#include <doctest/doctest.h>

#include "release/files.h"
#include "release/project.h"
#include "tests/registry/folder_fixture.h"

namespace mlctl::release {
namespace {

using registry::test::put;
using registry::test::temporary_folder;

std::string model_yaml(const std::string& name, const std::string& more = "") {
  return "apiVersion: mlctl/v1\nkind: Model\nname: " + name + "\n" + more;
}

TEST_CASE("without mlctl.yaml a folder with a model.yaml is enough") {
  const auto folder = temporary_folder();
  put(folder.path() / "somewhere" / "model.yaml", model_yaml("credit-risk"));
  put(folder.path() / "models" / "churn" / "model.yaml", model_yaml("churn"));
  CHECK(load_project(folder.path()).error().kind == Error::Kind::not_found);

  const auto project = open_project(folder.path(), "somewhere");
  REQUIRE(project);
  CHECK(project->registry == std::filesystem::weakly_canonical(folder.path()) / ".mlctl/registry");
  REQUIRE(project->models.size() == 2);
  CHECK((*find_model(*project, "somewhere"))->folder == "somewhere");
  CHECK((*find_model(*project, "churn"))->folder == "models/churn");
  CHECK(open_project(folder.path(), "nowhere")->models.size() == 1);
}

TEST_CASE("with mlctl.yaml only its own pattern counts, and its mistakes are told") {
  const auto folder = temporary_folder();
  put(folder.path() / "mlctl.yaml", "apiVersion: mlctl/v1\nkind: Project\n");
  put(folder.path() / "somewhere" / "model.yaml", model_yaml("credit-risk"));
  const auto project = open_project(folder.path(), "somewhere");
  REQUIRE(project);
  CHECK(project->models.empty());
  put(folder.path() / "mlctl.yaml", "apiVersion: mlctl/v1\nkind: Project\nregistri: x\n");
  const auto wrong = open_project(folder.path());
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().kind == Error::Kind::usage);
}

TEST_CASE("the gate's data of every environment stay out of the version") {
  const auto folder = temporary_folder();
  put(folder.path() / "mlctl.yaml",
      "apiVersion: mlctl/v1\nkind: Project\nenvironments:\n  - name: staging\n    gitops: {path: a, branch: b}\n"
      "    defaults: {gate: {accuracy: {data: staging.csv, label: y}}}\n");
  put(folder.path() / "models/m/model.yaml", model_yaml("m", "gate: {parity: {cases: golden.json}}\n"));
  for (const char* file : {"golden.json", "staging.csv", "other.csv", "README.md"})
    put(folder.path() / "models/m" / file, "{}");
  const auto project = load_project(folder.path());
  REQUIRE_MESSAGE(project, (project ? "" : project.error().message));
  const auto files = files_in_folder(*project, project->models.front(), nullptr);
  REQUIRE_MESSAGE(files, (files ? "" : files.error().message));
  std::vector<std::string> paths;
  for (const auto& file : *files) paths.push_back(file.path);
  CHECK(paths == std::vector<std::string>{"README.md", "other.csv"});
}

}  // namespace
}  // namespace mlctl::release
