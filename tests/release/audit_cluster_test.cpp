#include "release/audit_cluster.h"

#include <doctest/doctest.h>
#include <memory>
#include <nlohmann/json.hpp>

#include "deploy/cluster/perform.h"
#include "deploy/cluster/state.h"
#include "tests/deploy/cluster/memory_cluster.h"

namespace mlctl::release {
namespace {

using deploy::ModelState;
using deploy::Phase;
using deploy::RolloutState;
using deploy::Serves;

const registry::ModelName model{"fraud", "credit-risk"};
const std::string old_digest = "sha256:" + std::string(64, 'a'), new_digest = "sha256:" + std::string(64, 'b');
const WallTime noon = std::chrono::sys_days(std::chrono::year(2026) / 11 / 29) + std::chrono::hours(12);

Serves first() {
  return {"aaaaaaaaaa", old_digest, "v1.0.0", std::string(40, 'c'), 1, "2026-11-22T00:00:00Z", "ada@host"};
}
Serves second() {
  return {"bbbbbbbbbb", new_digest, "v1.1.0", std::string(40, 'd'), 2, "2026-11-29T12:00:00Z", "ci-run-7"};
}

// v1.0.0 and v1.1.0; prod was assigned the first and then, where `newest` is 2, the second.
registry::ModelTags tags(int newest) {
  std::vector<registry::GitTag> out;
  const auto add = [&](const std::string& name, char commit, const std::string& body) {
    out.push_back({"fraud/" + name, std::string(40, commit), true, name + "\n\n" + body, {"ada", "a@b", noon}});
  };
  add("credit-risk@v1.0.0", 'c', "digest: " + old_digest + "\n");
  add("credit-risk@v1.1.0", 'd', "digest: " + new_digest + "\n");
  add("credit-risk#prod#1", 'c', "version: v1.0.0\n");
  if (newest == 2) add("credit-risk#prod#2", 'd', "version: v1.1.0\n");
  return {model, out};
}

RolloutState rollout(Phase phase, double weight) {
  RolloutState state;
  state.candidate = second();
  state.baseline = first();
  state.plan.config.steps = {{0.05, std::chrono::minutes(5), 500}, {1, {}, 0}};
  state.phase = phase;
  state.weight = weight;
  state.since = state.began = noon;
  state.events = {{noon, "5 % passed: errors at most 5 times, \x1b[31mshown\x1b[0m"}};
  if (phase == Phase::failed) state.reason = "errors: more than 1.5 times";
  return state;
}

struct Scene {
  std::optional<Serves> serves;
  std::optional<RolloutState> way;
  std::string environment = "prod";
  std::string revision = "bbbbbbbbbb";  // by today's configuration
  bool state = true, reached = true;
};

// The audit of v1.1.0 after the cluster was asked.
Audit look(const Scene& scene, int newest) {
  Project project;
  deploy::Environment prod, folder;
  prod.name = "prod";
  prod.cluster = deploy::ClusterConfig{"eu-prod", {}};
  folder.name = "staging";
  folder.cluster = deploy::ClusterConfig{"eu-staging", {}};
  folder.gitops = deploy::Gitops{"deploy/staging", "deploy"};
  project.environments = {folder, prod};
  project.tenants.push_back({"fraud", "fraud", {}});
  const ConnectCluster connect = [&](const deploy::Environment& environment) -> Result<deploy::Connection> {
    CHECK(environment.name == "prod");
    if (!scene.reached) return Error{Error::Kind::unavailable, "context eu-prod: connection refused", ""};
    auto cluster = std::make_unique<deploy::test::MemoryCluster>();
    ModelState state{.model = model, .name_space = "fraud", .environment = scene.environment};
    state.stable = scene.serves;
    state.rollout = scene.way;
    if (scene.state) cluster->objects[deploy::state_path(model, "fraud")] = deploy::to_object(state);
    return deploy::Connection{std::move(cluster), nullptr};
  };
  const auto revision = [&](const deploy::Environment&) -> Result<std::string> { return scene.revision; };
  Audit audit{.model = "fraud/credit-risk", .version = "v1.1.0", .digest = new_digest, .commit = std::string(40, 'd')};
  look_into_clusters(project, {connect, revision}, tags(newest), audit);
  find_cluster_gaps(audit);
  return audit;
}

}  // namespace

TEST_CASE("where a version runs is read in the cluster, and held against git") {
  auto moved = second();
  moved.commit = std::string(40, 'e');
  auto renumbered = second();
  renumbered.assignment = 1;
  auto ahead = second();
  ahead.assignment = 3;
  struct Case {
    const char* what;
    Scene scene;
    int newest;
    std::string gap;  // "": none
    bool listed = true;
  };
  for (const auto& c : std::vector<Case>{
           {"it serves as git says", {second(), rollout(Phase::promoted, 1)}, 2, ""},
           {"the one before still serves",
            {first(), {}},
            2,
            "prod: v1.0.0 (#1) serves there, and git assigns v1.1.0 (#2)"},
           {"on its way",
            {first(), rollout(Phase::measuring, 0.25)},
            2,
            "prod: v1.0.0 (#1) serves there, and git assigns v1.1.0 (#2); v1.1.0 takes 25 % of the traffic, measuring"},
           {"it was aborted",
            {first(), rollout(Phase::failed, 0)},
            2,
            "prod: v1.0.0 (#1) serves there, and git assigns v1.1.0 (#2)"},
           {"nothing serves", {{}, {}}, 2, "prod: assigned, and nothing of the model serves there"},
           {"nothing of it was ever there",
            {.state = false},
            2,
            "prod: assigned, and nothing of the model serves there"},
           {"newer than git here",
            {ahead, {}},
            2,
            "prod: v1.1.0 (#3) serves there, newer than git here, which assigns v1.1.0 (#2)"},
           {"the same bytes by an older assignment",
            {renumbered, {}},
            2,
            "prod: v1.1.0 (#1) serves there, and git assigns v1.1.0 (#2)"},
           {"from another commit",
            {moved, {}},
            2,
            "prod: the cluster has it from commit " + std::string(40, 'e') + ", not from its tag's"},
           {"by another configuration",
            {.serves = second(), .revision = "cccccccccc"},
            2,
            "prod: it serves by another configuration; `mlctl diff fraud/credit-risk --env prod` shows it"},
           {"it serves, and git went back", {second(), {}}, 1, "prod: it serves there, and git assigns v1.0.0 (#1)"},
           {"it is not there, and nobody says so", {first(), {}}, 1, "", false},
           {"it was tried and taken back", {first(), rollout(Phase::failed, 0)}, 1, ""},
           {"somebody else's",
            {.serves = second(), .environment = "test"},
            2,
            "prod: what runs in the cluster could not be found out: what is there belongs to environment test"},
           {"nobody answers",
            {.reached = false},
            1,
            "prod: what runs in the cluster could not be found out: context eu-prod: connection refused"},
       }) {
    INFO(std::string(c.what));
    const auto audit = look(c.scene, c.newest);
    CHECK(audit.gaps == (c.gap.empty() ? std::vector<std::string>() : std::vector<std::string>{c.gap}));
    CHECK(audit.clusters.size() == (c.listed ? 1 : 0));
  }
}

TEST_CASE("the proof is told step by step, and whatever the cluster says is escaped") {
  const auto audit = look({second(), rollout(Phase::promoted, 1)}, 2);
  REQUIRE(audit.clusters.size() == 1);
  CHECK(cluster_text(audit.clusters[0], Style::plain()) ==
        "  ✓ prod  serves  #2  since 2026-11-29T12:00:00Z  by ci-run-7  context eu-prod\n"
        "    revision bbbbbbbbbb, commit dddddddddddddddddddddddddddddddddddddddd\n"
        "    rollout v1.0.0 → v1.1.0 by ci-run-7: promoted since 2026-11-29T12:00:00Z\n"
        "      2026-11-29T12:00:00Z  5 % passed: errors at most 5 times, \\x1b[31mshown\\x1b[0m\n");
  const auto json = cluster_json(audit.clusters[0]);
  CHECK(json["servesAudited"] == true);
  CHECK(json["serves"]["run"] == "ci-run-7");
  CHECK(json["rollout"]["phase"] == "promoted");
  CHECK(json["rollout"]["events"].size() == 1);
  const auto failed = look({first(), rollout(Phase::failed, 0)}, 1);
  CHECK(cluster_text(failed.clusters.at(0), Style::plain()).find("because errors: more than 1.5 times") !=
        std::string::npos);
}

}  // namespace mlctl::release
