#include "release/project.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "base/filesystem.h"
#include "release/explain.h"

using namespace mlctl;
using namespace mlctl::release;

namespace {

using Files = std::vector<std::pair<std::string, std::string>>;

const std::string head = "apiVersion: mlctl/v1\nkind: Project\n";
const std::string model = "apiVersion: mlctl/v1\nkind: Model\n";

TemporaryFolder place_with(const Files& files) {
  auto folder = TemporaryFolder::create();
  REQUIRE(folder);
  for (const auto& [path, content] : files) {
    if (!write_file(folder->path() / path, content)) FAIL("cannot write " << path);
  }
  return std::move(*folder);
}

}  // namespace

TEST_CASE("a project is found upwards, with its models by name") {
  const auto place = place_with({{"mlctl.yaml", head + "tenants: [{name: fraud}]\n"},
                                 {"models/b/model.yaml", model + "name: fraud/b\n"},
                                 {"models/a/model.yaml", model + "name: fraud/a\nlabels: {team: risk}\n"},
                                 {"models/a/deeper/x", ""}});
  const auto project = load_project(place.path() / "models/a/deeper");
  REQUIRE(project);
  REQUIRE(project->models.size() == 2);
  CHECK(to_string(project->models[0].name) == "fraud/a");
  CHECK(project->models[0].folder == "models/a");
  CHECK(project->registry == std::filesystem::canonical(place.path()) / ".mlctl/registry");
  CHECK((*find_model(*project, "fraud/a"))->folder == "models/a");
  CHECK((*find_model(*project, "b"))->folder == "models/b");
  CHECK((*find_model(*project, "models/a"))->folder == "models/a");
  const auto missing = find_model(*project, "fraud/c");
  REQUIRE(!missing);
  CHECK(missing.error().kind == Error::Kind::not_found);
  CHECK(namespace_of(*project, project->models[0].name) == "fraud");
}

TEST_CASE("environments stand in the order of a release, wherever the file has them") {
  const auto place = place_with({{"mlctl.yaml", head + "environments: [{name: prod, after: staging}, {name: staging}, "
                                                       "{name: lab}]\n"}});
  const auto project = load_project(place.path());
  REQUIRE(project);
  std::vector<std::string> names;
  for (const auto& environment : project->environments) names.push_back(environment.name);
  CHECK(names == std::vector<std::string>{"staging", "prod", "lab"});
}

TEST_CASE("an environment's trust replaces the project's as a whole") {
  const auto place =
      place_with({{"mlctl.yaml", head + "trust: {keys: [trust/a.pem]}\nenvironments:\n  - {name: "
                                        "staging}\n  - {name: prod, trust: {roots: [trust/ca.pem]}}\n"}});
  const auto project = load_project(place.path());
  REQUIRE(project);
  REQUIRE(project->trust.size() == 2);
  CHECK(project->trust.at("").keys == std::vector<std::string>{"trust/a.pem"});
  CHECK(project->trust.at("prod").keys.empty());
  CHECK(project->trust.at("prod").roots == std::vector<std::string>{"trust/ca.pem"});
}

TEST_CASE("a link that leads nowhere is a project that cannot be read, not none") {
  const auto place = place_with({});
  std::filesystem::create_symlink("nowhere", place.path() / "mlctl.yaml");
  CHECK(load_project(place.path()).error().message.find("mlctl.yaml") != std::string::npos);
  CHECK(load_project(place.path()).error().message.find("or above it") == std::string::npos);
}

TEST_CASE("projects that are refused, and where") {
  struct Case {
    std::string name;
    Files files;
    Error::Kind kind;
    std::string message;
  };
  for (const auto& c : std::vector<Case>{
           {"no project", {}, Error::Kind::not_found, "no mlctl.yaml in "},
           {"an unknown key",
            {{"mlctl.yaml", head + "registri: x\n"}},
            Error::Kind::usage,
            "mlctl.yaml:3:1: unknown key 'registri'"},
           {"an unknown key in trust",
            {{"mlctl.yaml", head + "trust: {key: [a.pem]}\n"}},
            Error::Kind::usage,
            "mlctl.yaml:3:9: unknown key 'key'"},
           {"a trust that names nobody",
            {{"mlctl.yaml", head + "trust: {}\n"}},
            Error::Kind::usage,
            "mlctl.yaml:3:8: trust names nobody"},
           {"an environment's trust that names nobody",
            {{"mlctl.yaml", head + "environments: [{name: prod, trust: {keys: []}}]\n"}},
            Error::Kind::usage,
            "mlctl.yaml:3:36: trust names nobody"},
           {"an unknown key in defaults",
            {{"mlctl.yaml", head + "defaults:\n  gate:\n    lode: {}\n"}},
            Error::Kind::usage,
            "mlctl.yaml:5:5: unknown key 'lode' in defaults.gate"},
           {"an unknown key in a model",
            {{"mlctl.yaml", head}, {"models/a/model.yaml", model + "name: a\nserving: {runtme: x}\n"}},
            Error::Kind::usage,
            "models/a/model.yaml:4:11: unknown key 'runtme' in serving"},
           {"an unknown key in a model's environment",
            {{"mlctl.yaml", head}, {"models/a/model.yaml", model + "name: a\nenvironments: {prod: {name: b}}\n"}},
            Error::Kind::usage,
            "models/a/model.yaml:4:23: unknown key 'name' in environments.prod"},
           {"upper case in a name",
            {{"mlctl.yaml", head}, {"models/a/model.yaml", model + "name: A\n"}},
            Error::Kind::usage,
            "models/a/model.yaml:3:7: name: "},
           {"two models of one name",
            {{"mlctl.yaml", head},
             {"models/a/model.yaml", model + "name: a\n"},
             {"models/b/model.yaml", model + "name: a\n"}},
            Error::Kind::usage,
            "two models are named a: models/a and models/b"},
           {"a tenant that is not there",
            {{"mlctl.yaml", head + "tenants: [{name: fraud}]\n"}, {"models/a/model.yaml", model + "name: fruad/a\n"}},
            Error::Kind::usage,
            "models/a/model.yaml:3:7: no tenant 'fruad' in mlctl.yaml"},
           {"another version of the format",
            {{"mlctl.yaml", "apiVersion: mlctl/v2\nkind: Project\n"}},
            Error::Kind::usage,
            "mlctl.yaml:1:13: apiVersion: this mlctl reads apiVersion mlctl/v1 only"},
           {"a registry behind a network that is none",
            {{"mlctl.yaml", head + "registry: https://r.example/x\n"}},
            Error::Kind::usage,
            "mlctl.yaml:3:11: not a registry: 'https://r.example/x'"},
           {"a pattern that leaves the project",
            {{"mlctl.yaml", head + "models: ../*/model.yaml\n"}},
            Error::Kind::usage,
            "a pattern of files is relative and stays in the project"},
           {"an environment twice",
            {{"mlctl.yaml", head + "environments: [{name: a}, {name: a}]\n"}},
            Error::Kind::usage,
            "mlctl.yaml:3:27: a second environment named a"},
           {"folders of two environments that overlap",
            {{"mlctl.yaml", head + "environments:\n  - {name: a, gitops: {path: deploy, branch: d}}\n"
                                   "  - {name: b, gitops: {path: deploy/b, branch: d}}\n"}},
            Error::Kind::usage,
            "mlctl.yaml:5:5: the gitops folders of a and b overlap on branch d"},
           {"environments in a circle",
            {{"mlctl.yaml", head + "environments: [{name: a, after: b}, {name: b, after: a}]\n"}},
            Error::Kind::usage,
            "the environments come after one another in a circle"},
           {"a namespace that leaves its folder",
            {{"mlctl.yaml", head + "namespace: ../../x\n"}},
            Error::Kind::usage,
            "mlctl.yaml:3:12: namespace: "},
           {"an environment of a model that the project lacks",
            {{"mlctl.yaml", head + "environments: [{name: prod}]\n"},
             {"models/a/model.yaml", model + "name: a\nenvironments: {prdo: {gate: {accuracy: {}}}}\n"}},
            Error::Kind::usage,
            "models/a/model.yaml:4:16: no environment 'prdo' in mlctl.yaml"},
           {"a namespace of two tenants",
            {{"mlctl.yaml", head + "tenants: [{name: a, namespace: same}, {name: b, namespace: same}]\n"}},
            Error::Kind::usage,
            "mlctl.yaml:3:39: tenant b has the namespace of tenant a"},
           {"a tenant twice",
            {{"mlctl.yaml", head + "tenants: [{name: a, namespace: x}, {name: a, namespace: y}]\n"}},
            Error::Kind::usage,
            "mlctl.yaml:3:36: tenant a has the name of tenant a"},
           {"a huge file", {{"mlctl.yaml", std::string(2U << 20U, '#')}}, Error::Kind::usage, "file is too large: "},
       }) {
    INFO(c.name);
    const auto place = place_with(c.files);
    const auto project = load_project(place.path());
    REQUIRE(!project);
    CHECK(project.error().kind == c.kind);
    CHECK_MESSAGE(project.error().message.find(c.message) == 0, project.error().message);
  }
}

TEST_CASE("levels: built-in, project, environment, model, the model's part for the environment") {
  const auto place = place_with(
      {{"mlctl.yaml",
        head + "defaults: {gate: {load: {rate: 1/s, duration: 1m, warmup: 1s}}, serving: {runtime: triton}}\n"
               "environments:\n"
               "  - name: prod\n"
               "    defaults: {gate: {load: {rate: 2/s, duration: 2m}}, serving: {}}\n"},
       {"models/a/model.yaml", model + "name: a\ngate: {load: {rate: 3/s}}\n"
                                       "environments: {prod: {gate: {load: {connections: 4}, accept: [gpu]}}}\n"}});
  const auto project = load_project(place.path());
  REQUIRE_MESSAGE(project, (project ? "" : project.error().message));
  const auto tree = merged(*project, project->models[0], "prod");
  REQUIRE(tree);
  struct Case {
    const char* path;
    const char* value;
    const char* level;
  };
  for (const auto& c : std::vector<Case>{{"gate.load.rate", "3/s", "model"},
                                         {"gate.load.duration", "2m", "defaults of prod"},
                                         {"gate.load.warmup", "1s", "project defaults"},
                                         {"gate.load.connections", "4", "model for prod"},
                                         {"gate.load.arrivals", "poisson", "built-in"},
                                         {"gate.accept", "[\"gpu\"]", "model for prod"},
                                         {"serving.runtime", "triton", "project defaults"},
                                         {"serving.placement", "dedicated", "built-in"}}) {
    INFO(std::string(c.path));
    const auto values = explain_values(*tree, c.path);
    REQUIRE(values.size() == 1);
    CHECK(values[0].value == c.value);
    CHECK(values[0].level == c.level);
  }
  CHECK(explain_values(*merged(*project, project->models[0], ""), "gate.load.connections")[0].value == "16");
  const auto unknown = merged(*project, project->models[0], "prd");
  REQUIRE(!unknown);
  CHECK(unknown.error().hint == "did you mean prod?");
}

TEST_CASE("a model.yaml of another time is read from its text") {
  const auto place = place_with({{"mlctl.yaml", head}});
  const auto project = load_project(place.path());
  REQUIRE(project);
  const auto entry = parse_model(*project, model + "name: old\n", "models/old");
  REQUIRE(entry);
  CHECK(entry->name.name == "old");
  const auto broken = parse_model(*project, model + "name: old\nnmae: x\n", "models/old");
  REQUIRE(!broken);
  CHECK(broken.error().message == "models/old/model.yaml:4:1: unknown key 'nmae'");
}

TEST_CASE("every fallback of the tables is valid in its table") {
  for (const auto* table : {&model_table(), &project_table()}) {
    Node defaults = built_in(*table);
    for (const auto& problem : check_config(defaults, *table)) {
      INFO(problem.message);
      CHECK(problem.message.find(" is missing") != std::string::npos);  // what only a person can say
    }
    for (const auto& path : field_paths(*table)) {
      INFO(path);
      const Field* field = find_field(*table, path);
      REQUIRE(field);
      CHECK(!field->doc.empty());
      if (!field->fallback.empty()) {
        const auto value = parse_yaml(field->fallback, "fallback");
        REQUIRE(value);
        CHECK(check_config(*value, partial(*field)).empty());
      }
    }
  }
}
