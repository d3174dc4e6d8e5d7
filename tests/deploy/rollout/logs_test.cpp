#include "deploy/rollout/logs.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "deploy/cluster/perform.h"
#include "tests/deploy/cluster/memory_cluster.h"

using namespace mlctl;
using namespace mlctl::deploy;
using Json = nlohmann::ordered_json;

namespace {

const RolloutPlace place{{"fraud", "credit-risk"}, "fraud", "prod"};
constexpr const char* pods_at = "/api/v1/namespaces/fraud/pods/";

ModelState state_with(Phase phase) {
  ModelState state{.model = place.model, .name_space = "fraud", .environment = "prod"};
  RolloutState rollout;
  rollout.plan.config.steps = {{1, {}, 0}};
  rollout.phase = phase;
  rollout.baseline = {.revision = "aaaaaaaaaa", .version = "v1.0.0"};
  rollout.candidate = {.revision = "bbbbbbbbbb", .version = "v1.1.0"};
  state.stable = rollout.has_won() ? rollout.candidate : rollout.baseline;
  state.rollout = rollout;
  return state;
}

// Pods of three revisions, listed in no order, whose logs say what `log` answers.
struct Scene {
  test::MemoryCluster cluster;
  std::function<ApiAnswer(const ApiRequest&)> log = [](const ApiRequest& request) {
    return ApiAnswer{200, "first\nsecond \x1b[2J of " + request.about + "\r\n", {}};
  };
  std::vector<ApiRequest> asked;

  explicit Scene(Phase phase = Phase::measuring) {
    cluster.objects[state_path(place.model, "fraud")] = to_object(state_with(phase));
    for (const char* revision : {"bbbbbbbbbb", "cccccccccc", "aaaaaaaaaa"}) add(revision, "x");
    cluster.after = [this](const ApiRequest& request, ApiAnswer answer) -> Result<ApiAnswer> {
      if (!request.path.ends_with("/log")) return answer;
      asked.push_back(request);
      return log(request);
    };
  }
  void add(const std::string& revision, const std::string& end) {
    const auto name = "credit-risk-" + revision + "-" + end;
    cluster.objects[pods_at + name] = {{"apiVersion", "v1"},
                                       {"kind", "Pod"},
                                       {"metadata",
                                        {{"name", name},
                                         {"namespace", "fraud"},
                                         {"labels",
                                          {{"app.kubernetes.io/name", "credit-risk"},
                                           {"app.kubernetes.io/managed-by", "mlctl"},
                                           {"mlctl.dev/revision", revision}}}}}};
  }
};

std::string arms(const Logs& logs) {
  std::string out;
  for (const auto& log : logs.pods) out += log.arm.name + " " + log.arm.version + "|";
  return out;
}

}  // namespace

TEST_CASE("whose a line is follows from the revision of its pod and the phase of the rollout") {
  for (const auto& [phase, expected] : {std::pair{Phase::measuring, "stable v1.0.0|canary v1.1.0|other |"},
                                        std::pair{Phase::aborted, "stable v1.0.0|canary v1.1.0|other |"},
                                        std::pair{Phase::looking, "stable v1.1.0|before v1.0.0|other |"}}) {
    CAPTURE(expected);
    Scene scene(phase);
    const auto logs = read_logs(scene.cluster, place, {});
    REQUIRE(logs);
    CHECK(arms(*logs) == expected);
    CHECK(logs->pods[0].lines.size() == 2);
    CHECK(logs->pods[0].lines[0] == "first");
    CHECK(logs->pods[0].lines[1].back() == 'x');  // without the carriage return
  }
}

TEST_CASE("the server's own container is asked for so many lines, and never for more than a pod may say") {
  Scene scene;
  REQUIRE(read_logs(scene.cluster, place, {.tail = 7, .previous = true}));
  REQUIRE(scene.asked.size() == 3);
  CHECK(scene.asked[0].query ==
        std::vector<std::pair<std::string, std::string>>{
            {"container", "server"}, {"tailLines", "7"}, {"limitBytes", "1048576"}, {"previous", "true"}});
  CHECK(scene.asked[0].limit > 0);
  scene.log = [](const ApiRequest&) { return ApiAnswer{200, std::string(logged_bytes, 'x'), {}}; };
  const auto logs = read_logs(scene.cluster, place, {});
  REQUIRE(logs);
  CHECK(logs->pods[0].cut);
  for (int i = 0; i < 200; ++i) scene.add("aaaaaaaaaa", "y" + std::to_string(i));
  const auto many = read_logs(scene.cluster, place, {});
  REQUIRE(many);
  CHECK(many->pods.size() == logged_pods);
  CHECK(many->more == 103);
}

TEST_CASE("a pod that has no log says why; who may not read logs hears which rule is missing") {
  const auto status = [](int code, const std::string& reason, const std::string& message) {
    return ApiAnswer{code, Json{{"kind", "Status"}, {"reason", reason}, {"message", message}}.dump(), {}};
  };
  Scene scene;
  scene.log = [&](const ApiRequest& request) {
    return request.path.find("bbbbbbbbbb") == std::string::npos
               ? ApiAnswer{200, "fine\n", {}}
               : status(400, "BadRequest", "container \"server\" is waiting to start: ContainerCreating");
  };
  const auto logs = read_logs(scene.cluster, place, {});
  REQUIRE(logs);
  CHECK(logs->pods[0].lines == std::vector<std::string>{"fine"});
  CHECK(logs->pods[1].missing.find("waiting to start") != std::string::npos);
  scene.log = [&](const ApiRequest&) {
    return status(403, "Forbidden", "pods \"x\" is forbidden: User \"ci\" cannot get resource \"pods/log\"");
  };
  const auto refused = read_logs(scene.cluster, place, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::credentials);
  CHECK(refused.error().hint ==
        "a Role or ClusterRole that allows it has the rule {apiGroups: [\"\"], resources: [pods/log], verbs: [get]}");
  scene.cluster.objects.erase(state_path(place.model, "fraud"));
  const auto nothing = read_logs(scene.cluster, place, {});
  REQUIRE_FALSE(nothing);
  CHECK(nothing.error().kind == Error::Kind::not_found);
}
