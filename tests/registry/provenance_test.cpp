#include "registry/provenance.h"

#include <doctest/doctest.h>
#include <map>
#include <nlohmann/json.hpp>

#include "base/document.h"
#include "registry/evidence.h"

namespace mlctl::registry {
namespace {

using Variables = std::map<std::string, std::string>;

Builder built(const Variables& variables) {
  return builder_of([&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string() : found->second;
  });
}

TEST_CASE("builder_of: who built it is what CI says, else nobody in particular") {
  struct Case {
    const char* name;
    Variables variables;
    const char *id, *invocation;
  };
  const Variables github = {
      {"GITHUB_SERVER_URL", "https://github.example"}, {"GITHUB_REPOSITORY", "bank/models"}, {"GITHUB_RUN_ID", "77"}};
  auto workflow = github, attempt = github;
  workflow["GITHUB_WORKFLOW_REF"] = "bank/models/.github/workflows/release.yml@refs/tags/a@v1.0.0";
  attempt["GITHUB_RUN_ATTEMPT"] = "2";
  const Variables gitlab = {{"CI_PROJECT_URL", "https://gitlab.example/bank/models"},
                            {"CI_JOB_URL", "https://gitlab.example/bank/models/-/jobs/9"}};
  auto branch = gitlab, tag = gitlab, login = gitlab;
  branch["CI_COMMIT_BRANCH"] = "main";
  branch["CI_CONFIG_PATH"] = "ci/release.yml";
  tag["CI_COMMIT_TAG"] = "v1";
  login["CI_PROJECT_URL"] = "https://job:s3cret@gitlab.example/bank/models";
  for (const auto& c : std::vector<Case>{
           {"a person's machine", {}, "https://mlctl.dev/builder/local/v1", ""},
           {"GitHub Actions without a workflow reference", github, "https://github.example/bank/models",
            "https://github.example/bank/models/actions/runs/77"},
           {"GitHub Actions: the workflow at its commit", workflow,
            "https://github.example/bank/models/.github/workflows/release.yml@refs/tags/a@v1.0.0",
            "https://github.example/bank/models/actions/runs/77"},
           {"GitHub Actions: the second attempt", attempt, "https://github.example/bank/models",
            "https://github.example/bank/models/actions/runs/77/attempts/2"},
           {"half of GitHub's variables are none",
            {{"GITHUB_SERVER_URL", "https://github.example"}},
            "https://mlctl.dev/builder/local/v1",
            ""},
           {"GitLab", gitlab, "https://gitlab.example/bank/models//.gitlab-ci.yml",
            "https://gitlab.example/bank/models/-/jobs/9"},
           {"GitLab: file and branch", branch, "https://gitlab.example/bank/models//ci/release.yml@refs/heads/main",
            "https://gitlab.example/bank/models/-/jobs/9"},
           {"GitLab: a tag", tag, "https://gitlab.example/bank/models//.gitlab-ci.yml@refs/tags/v1",
            "https://gitlab.example/bank/models/-/jobs/9"},
           {"a login is cut out", login, "https://gitlab.example/bank/models//.gitlab-ci.yml",
            "https://gitlab.example/bank/models/-/jobs/9"},
       }) {
    CAPTURE(c.name);
    const auto builder = built(c.variables);
    CHECK(builder.id == c.id);
    CHECK(builder.invocation == c.invocation);
  }
}

TEST_CASE("without_login: nothing of a login is left in a URL") {
  struct Case {
    const char *name, *url, *clean;
  };
  for (const auto& c : std::vector<Case>{
           {"nothing to cut", "https://git.example/r.git", "https://git.example/r.git"},
           {"user and password", "https://ada:s3cret@git.example/r.git", "https://git.example/r.git"},
           {"a token as the user", "https://ghp_token@git.example/r.git", "https://git.example/r.git"},
           {"two @", "https://ada:p@ss@git.example:8443/r@v1", "https://git.example:8443/r@v1"},
           {"a query with a token", "https://git.example/r?access_token=x#y", "https://git.example/r"},
           {"the user of ssh is no secret", "ssh://git@git.example/r", "ssh://git@git.example/r"},
           {"the password of ssh is", "ssh://git:s3cret@git.example/r", "ssh://git@git.example/r"},
           {"scp's form", "git@git.example:bank/models.git", "git@git.example:bank/models.git"},
           {"scp's form with a password", "git:s3cret@git.example:bank", "git.example:bank"},
           {"a path", "/srv/models.git", "/srv/models.git"},
           {"an @ in a path", "https://git.example/a@b", "https://git.example/a@b"},
           {"only a scheme", "https://", "https://"},
           {"a host without a path", "https://u:p@h", "https://h"},
       }) {
    CAPTURE(c.name);
    CHECK(without_login(c.url) == c.clean);
  }
}

nlohmann::json predicate(const Provenance& provenance) {
  return nlohmann::json(provenance_predicate(provenance));
}

TEST_CASE("a provenance names commit, inputs, builder and times") {
  const Provenance whole{"https://ada:s3cret@git.example/r.git",
                         std::string(40, 'c'),
                         true,
                         "v1.2.0",
                         {{"metrics", "", digest_of("m")}, {"", "https://hub.example/base", std::nullopt}},
                         {"https://ci.example/workflow", "https://ci.example/runs/1"},
                         "2026-01-01T00:00:00Z",
                         "2026-01-01T00:01:00Z"};
  const auto made = predicate(whole);
  const auto& definition = made["buildDefinition"];
  CHECK(definition["buildType"] == "https://mlctl.dev/push/v1");
  CHECK(definition["externalParameters"]["version"] == "v1.2.0");
  const auto& inputs = definition["resolvedDependencies"];
  REQUIRE(inputs.size() == 3);
  CHECK(inputs[0]["uri"] == "git+https://git.example/r.git");
  CHECK(inputs[0]["digest"]["gitCommit"] == std::string(40, 'c'));
  CHECK(inputs[0]["annotations"]["dirty"] == true);
  CHECK(inputs[1]["name"] == "metrics");
  CHECK(inputs[1]["digest"]["sha256"] == digest_of("m").hex());
  CHECK(inputs[2] == nlohmann::json{{"uri", "https://hub.example/base"}});
  CHECK(made["runDetails"]["builder"]["id"] == "https://ci.example/workflow");
  CHECK(made["runDetails"]["metadata"] == nlohmann::json{{"invocationId", "https://ci.example/runs/1"},
                                                         {"startedOn", "2026-01-01T00:00:00Z"},
                                                         {"finishedOn", "2026-01-01T00:01:00Z"}});
  CHECK(made.dump().find("s3cret") == std::string::npos);

  const auto source = source_in({{"predicate", made}});
  REQUIRE(source);
  CHECK(*source == BuildSource{std::string(40, 'c'), true});
  CHECK_FALSE(source_in({{"predicate", predicate({.version = "v1.0.0"})}}));
  CHECK_FALSE(source_in(nlohmann::json::array()));
  CHECK(predicate({.repository = "git@h:a/b", .commit = "c"})["buildDefinition"]["resolvedDependencies"][0]["uri"] ==
        "git+ssh://git@h/a/b");
  CHECK(predicate({.repository = "/srv/r", .commit = "c"})["buildDefinition"]["resolvedDependencies"][0]["uri"] ==
        "/srv/r");
}

TEST_CASE("same_build: another time says nothing new, another source, builder or input does") {
  const Provenance first{.repository = "r", .commit = "c", .version = "v1.0.0", .started = "1", .finished = "2"};
  auto later = first, commit = first, dirty = first, builder = first, input = first;
  later.started = "3";
  later.builder.invocation = "https://ci.example/2";
  commit.commit = "d";
  dirty.dirty = true;
  builder.builder.id = "https://ci.example";
  input.inputs.push_back({"metrics", "", digest_of("m")});
  CHECK(same_build(predicate(first), predicate(later)));
  for (const auto* other : {&commit, &dirty, &builder, &input})
    CHECK_FALSE(same_build(predicate(first), predicate(*other)));
  CHECK_FALSE(same_build(nlohmann::json::object(), nlohmann::json::object()));
}

TEST_CASE("base_models: what people's metadata names, whatever else it holds") {
  const auto hex = std::string(64, 'a');
  const auto found = [](const char* text) {
    const auto json = parse_json(text, "metadata");
    REQUIRE(json);
    return base_models(*json);
  };
  CHECK(found("null").empty());
  CHECK(found("[1]").empty());
  CHECK(found("{\"baseModel\": 7}").empty());
  CHECK(found("{\"baseModel\": \"\"}").empty());
  const auto pinned = found(("{\"baseModel\": \"llm/base@sha256:" + hex + "\"}").c_str());
  REQUIRE(pinned.size() == 1);
  CHECK(pinned[0].name == "llm/base");
  REQUIRE(pinned[0].digest);
  CHECK(pinned[0].digest->hex() == hex);
  const auto many =
      found("{\"base_model\": [\"https://u:p@hub.example/a\", {\"name\": \"b\", \"digest\": \"?\"}, {}]}");
  REQUIRE(many.size() == 2);
  CHECK(many[0].uri == "https://hub.example/a");
  CHECK(many[1].name == "b");
  CHECK_FALSE(many[1].digest);
  std::string flood = "{\"baseModel\": [\"a\"";
  for (int i = 0; i < 1000; ++i) flood += ",\"a\"";
  CHECK(found((flood + "]}").c_str()).size() == 32);
}

}  // namespace
}  // namespace mlctl::registry
