#include "release/init.h"

#include <doctest/doctest.h>
#include <fstream>

#include "base/filesystem.h"
#include "release/project.h"

using namespace mlctl;
using namespace mlctl::release;
namespace fs = std::filesystem;

namespace {

const std::string ubj = std::string("{L\0\0\0\0\0\0\0\x07learner{", 18);

struct Place {
  TemporaryFolder folder;
  explicit Place(const std::vector<std::pair<std::string, std::string>>& files)
      : folder(std::move(*TemporaryFolder::create())) {
    for (const auto& [path, content] : files) {
      if (!write_file(folder.path() / path, content)) FAIL("cannot write " << path);
    }
  }
  [[nodiscard]] fs::path at(const std::string& path) const { return folder.path() / path; }
  [[nodiscard]] std::string read(const std::string& path) const { return *read_file(at(path), 1U << 20U); }
};

}  // namespace

TEST_CASE("init writes both files and the ignore line, and what it writes passes") {
  const Place place({{"models/Credit_Risk/model.ubj", ubj},
                     {"models/Credit_Risk/serve.py", "import xgboost\n"},
                     {"models/Credit_Risk/train.py", "import xgboost\n"},
                     {"models/Credit_Risk/golden.json", "{}"},
                     {"models/Credit_Risk/holdout.csv", "a,b\n1,2\n"},
                     {"models/Credit_Risk/README.md", "# Read me\n"},
                     {".gitignore", "*.o"},
                     {".git/HEAD", ""}});
  const auto plan = plan_init({.folder = place.at("models/Credit_Risk")});
  REQUIRE(plan);
  REQUIRE(perform_init(*plan));
  CHECK(plan->model == "credit-risk");
  CHECK(place.read(".gitignore") == "*.o\n/.mlctl/\n");
  const auto text = place.read("models/Credit_Risk/model.yaml");
  CHECK(text.find("  - model.ubj  # xgboost-ubj\n  - serve.py  # python\nserving:") != std::string::npos);
  CHECK(text.find("parity: {cases: golden.json,") != std::string::npos);
  CHECK(text.find("data: holdout.csv") != std::string::npos);
  const auto project = load_project(place.folder.path());
  REQUIRE(project);
  REQUIRE(project->models.size() == 1);
  CHECK(project->environments.size() == 2);
}

TEST_CASE("init never overwrites, and repeating it changes nothing") {
  const Place place({{"m/model.ubj", ubj},
                     {"m/model.yaml", "apiVersion: mlctl/v1\nkind: Model\nname: mine\n"},
                     {"mlctl.yaml", "apiVersion: mlctl/v1\nkind: Project\nmodels: m/model.yaml\n"},
                     {".gitignore", "/.mlctl/\n"}});
  const auto plan = plan_init({.folder = place.at("m"), .github = true});
  REQUIRE(plan);
  REQUIRE(perform_init(*plan));
  CHECK(place.read("m/model.yaml").find("name: mine") != std::string::npos);
  CHECK(place.read(".gitignore") == "/.mlctl/\n");
  CHECK(fs::exists(place.at(".github/workflows/mlctl.yml")));
  const auto again = plan_init({.folder = place.at("m"), .github = true});
  REQUIRE(again);
  for (const auto& file : again->files) CHECK(file.exists);
}

TEST_CASE("a model at the root of its repository, and one level below") {
  const Place root({{"model.ubj", ubj}, {".git/HEAD", ""}});
  auto plan = plan_init({.folder = root.folder.path(), .name = "one"});
  REQUIRE(plan);
  CHECK(perform_init(*plan));
  const Place below({{"my model/model.ubj", ubj}, {".git/HEAD", ""}});
  plan = plan_init({.folder = below.at("my model")});
  REQUIRE(plan);
  CHECK(plan->model == "my-model");
  CHECK(perform_init(*plan));
}

TEST_CASE("what init refuses") {
  const std::string tenants = "apiVersion: mlctl/v1\nkind: Project\ntenants: [{name: fraud}, {name: ads}]\n";
  struct Case {
    std::string name;
    std::vector<std::pair<std::string, std::string>> files;
    std::string folder;
    std::string message;
  };
  for (const auto& c : std::vector<Case>{
           {"a folder that is not there", {}, "none", "no such folder"},
           {"nothing to serve", {{"m/notes.md", "# x\n"}}, "m", "no model of a known format in"},
           {"the model is further in", {{"models/a/model.ubj", ubj}}, "", "no model directly in"},
           {"whose model",
            {{"mlctl.yaml", tenants}, {"models/a/model.ubj", ubj}},
            "models/a",
            "the project has tenants: whose model is it?"},
           {"a pattern that does not reach it",
            {{"mlctl.yaml", "apiVersion: mlctl/v1\nkind: Project\n"}, {"other/a/model.ubj", ubj}},
            "other/a",
            "`models: models/*/model.yaml` in mlctl.yaml does not reach other/a/model.yaml"},
           {"a broken project",
            {{"mlctl.yaml", "kind: Projct\n"}, {"models/a/model.ubj", ubj}},
            "models/a",
            "mlctl.yaml:1:1: apiVersion is missing"},
       }) {
    INFO(c.name);
    const Place place(c.files);
    const auto plan = plan_init({.folder = place.at(c.folder)});
    REQUIRE(!plan);
    CHECK(plan.error().kind == Error::Kind::usage);
    CHECK(plan.error().message.find(c.message) == 0);
  }
}

TEST_CASE("a name that the project cannot have is refused before anything is written") {
  struct Case {
    std::string folder, name, message;
  };
  for (const auto& c : std::vector<Case>{{"m", "fraud/a", "the project has no tenants"},
                                         {"m", "A", "not a model name: A"},
                                         {"数据", "", "no model name can be made of the folder's: 数据"}}) {
    INFO(c.name);
    const Place place({{c.folder + "/model.ubj", ubj}});
    const auto plan = plan_init({.folder = place.at(c.folder), .name = c.name});
    REQUIRE(!plan);
    CHECK(plan.error().kind == Error::Kind::usage);
    CHECK_MESSAGE(plan.error().message.find(c.message) == 0, plan.error().message);
  }
}

TEST_CASE("names from folders") {
  for (const auto& [folder, name] :
       std::vector<std::pair<std::string, std::string>>{{"Credit Risk_2", "credit-risk-2"},
                                                        {"--x--", "x"},
                                                        {"größe", "gr-e"},
                                                        {"...", ""},
                                                        {std::string(40, 'a'), std::string(32, 'a')}}) {
    CHECK(name_from_folder(folder) == name);
  }
}
