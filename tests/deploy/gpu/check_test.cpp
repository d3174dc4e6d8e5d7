// gpu-smoke on the nodes of a cluster in memory, whose controllers and kubelets are played.
#include "deploy/gpu/check.h"

#include <doctest/doctest.h>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/deploy/cluster/memory_cluster.h"

using namespace mlctl;
using namespace mlctl::deploy;
using Json = nlohmann::ordered_json;

namespace {

const std::string jobs_at = "/apis/batch/v1/namespaces/ops/jobs/";
const std::string pods_at = "/api/v1/namespaces/ops/pods/";

struct Fleet {
  test::MemoryCluster cluster;
  ManualClock clock;
  Discovery discovery{cluster, clock, {}, "test"};
  GpuJobRequest request{"r.example/gpu-smoke@sha256:00", "ops"};

  explicit Fleet(const std::vector<std::string>& names) {
    cluster.objects["/api/v1/namespaces/ops"] = {{"kind", "Namespace"}, {"metadata", {{"name", "ops"}}}};
    for (const auto& name : names)
      cluster.objects["/api/v1/nodes/" + name] = {
          {"apiVersion", "v1"},
          {"kind", "Node"},
          {"metadata", {{"name", name}, {"uid", name}, {"resourceVersion", "r1"}}},
          {"status",
           {{"allocatable", {{gpu_resource, "2"}}},
            {"conditions", Json::array({{{"type", "Ready"}, {"status", "True"}}})}}}};
  }
  // What a kubelet and the job controller make of a node's Job.
  void play(const std::string& node, const std::string& status, const std::string& log = "") {
    const auto name = gpu_job_name(node);
    cluster.objects[pods_at + name + "-x"] = {{"apiVersion", "v1"},
                                              {"kind", "Pod"},
                                              {"metadata",
                                               {{"name", name + "-x"},
                                                {"namespace", "ops"},
                                                {"labels",
                                                 {{"batch.kubernetes.io/job-name", name},
                                                  {"app.kubernetes.io/managed-by", "mlctl"},
                                                  {"app.kubernetes.io/name", "gpu-check"}}}}},
                                              {"status", Json::parse(status)}};
    if (!log.empty()) cluster.objects[pods_at + name + "-x/log"] = log;
  }
  // Whose Job is made now: its pods are the ones that are played.
  void adopt() {
    cluster.after = [this](const ApiRequest& one, ApiAnswer answer) -> Result<ApiAnswer> {
      if (one.method == "POST" && one.path + "/" == jobs_at && is_fine(answer)) {
        const auto metadata = Json::parse(answer.body).at("metadata");
        const auto pod = cluster.objects.find(pods_at + metadata.at("name").get<std::string>() + "-x");
        if (pod != cluster.objects.end())
          pod->second["metadata"]["labels"]["batch.kubernetes.io/controller-uid"] = metadata.at("uid");
      }
      return then ? then(one, std::move(answer)) : Result<ApiAnswer>(std::move(answer));
    };
  }
  std::function<Result<ApiAnswer>(const ApiRequest&, ApiAnswer)> then = {};
  Result<std::vector<GpuNodeAnswer>> check() {
    adopt();
    auto nodes = find_gpu_nodes(cluster, {});
    if (!nodes) return nodes.error();
    return check_gpus({cluster, discovery, clock, no_progress()}, *nodes, request);
  }
  [[nodiscard]] std::size_t jobs() const {
    std::size_t count = 0;
    for (const auto& [path, object] : cluster.objects) count += path.starts_with(jobs_at) ? 1 : 0;
    return count;
  }
};

const std::string ended = R"({"containerStatuses":[{"state":{"terminated":{"exitCode":1}}}]})";
const std::string in_use =
    R"({"conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable","message":"0/2 nodes are available: 1 Insufficient nvidia.com/gpu."}]})";

}  // namespace

TEST_CASE("every GPU node answers by a Job of its own, and nothing of them is left") {
  Fleet fleet({"a", "b", "busy"});
  fleet.play("a", ended, "report of a");
  fleet.play("b", ended, "report of b");
  fleet.play("busy", in_use);
  const auto answers = fleet.check();
  REQUIRE(answers);
  REQUIRE(answers->size() == 3);
  CHECK(answers->at(0).log == "\"report of a\"");
  CHECK(answers->at(1).exit_code == 1);
  CHECK(answers->at(2).problem == "other pods have some of its GPUs");
  CHECK(answers->at(2).exit_code == -1);
  CHECK(fleet.clock.steady().time_since_epoch() > std::chrono::seconds(60));  // it may get them yet
  CHECK(fleet.clock.steady().time_since_epoch() < std::chrono::seconds(70));
  CHECK(fleet.jobs() == 0);
}

TEST_CASE("a node that cannot be asked says why, and gets no Job") {
  Fleet fleet({"down", "empty"});
  fleet.cluster.objects["/api/v1/nodes/down"]["status"]["conditions"][0]["status"] = "Unknown";
  fleet.cluster.objects["/api/v1/nodes/empty"]["status"]["allocatable"][gpu_resource] = "0";
  fleet.cluster.objects["/api/v1/nodes/empty"]["status"]["capacity"][gpu_resource] = "2";
  const auto answers = fleet.check();
  REQUIRE(answers);
  CHECK(answers->at(0).problem == "the node is not ready");
  CHECK(answers->at(1).problem.starts_with("it offers no GPU"));
  CHECK(fleet.cluster.writes.empty());
}

TEST_CASE("a Job of before: one that is over makes room, one that runs is somebody else's check") {
  for (const bool over : {true, false}) {
    CAPTURE(over);
    Fleet fleet({"a"});
    fleet.play("a", ended, "new report");
    Json old = {{"apiVersion", "batch/v1"},
                {"kind", "Job"},
                {"metadata",
                 {{"name", gpu_job_name("a")},
                  {"uid", "old"},
                  {"resourceVersion", "1"},
                  {"creationTimestamp", "2026-01-01T00:00:00Z"}}}};
    if (over) old["status"] = {{"conditions", Json::array({{{"type", "Complete"}, {"status", "True"}}})}};
    fleet.cluster.objects[jobs_at + gpu_job_name("a")] = old;
    const auto answers = fleet.check();
    REQUIRE(answers);
    CHECK((answers->front().log == "\"new report\"") == over);
    CHECK(answers->front().problem ==
          (over ? "" : "it is being checked already, since 2026-01-01T00:00:00Z (Job ops/" + gpu_job_name("a") + ")"));
    CHECK(fleet.jobs() == (over ? 0 : 1));  // that of somebody else stays
  }
}

TEST_CASE("what the server refuses is an error, and what was made before goes") {
  Fleet fleet({"a", "b"});
  fleet.then = [](const ApiRequest& request, ApiAnswer answer) -> Result<ApiAnswer> {
    if (request.path.ends_with("/log"))
      return ApiAnswer{
          403,
          R"({"kind":"Status","reason":"Forbidden","message":"pods/log is forbidden: User \"ci\" cannot get resource \"pods/log\" in API group \"\""})",
          {}};
    return answer;
  };
  fleet.play("a", ended, "x");
  fleet.play("b", ended, "x");
  const auto answers = fleet.check();
  REQUIRE(!answers);
  CHECK(answers.error().kind == Error::Kind::credentials);
  CHECK(fleet.jobs() == 0);
}

TEST_CASE("where one Job may not be made, those that were are removed") {
  Fleet fleet({"a", "b", "c"});
  fleet.then = [](const ApiRequest& request, ApiAnswer answer) -> Result<ApiAnswer> {
    if (request.about == "Job for node b")
      return ApiAnswer{403, R"({"kind":"Status","reason":"Forbidden","message":"exceeded quota: gpus"})", {}};
    return answer;
  };
  const auto answers = fleet.check();
  REQUIRE(!answers);
  CHECK(answers.error().message.find("exceeded quota") != std::string::npos);
  for (const char* node : {"a", "c"}) CHECK(fleet.cluster.objects.count(jobs_at + gpu_job_name(node)) == 0);
}

TEST_CASE("a Job of which nothing is heard is given up after its deadline: its node may be gone") {
  Fleet fleet({"a", "mute"});
  fleet.play("a", ended, "report of a");
  fleet.play("mute", R"({"phase":"Running"})");
  const auto answers = fleet.check();
  REQUIRE(answers);
  CHECK(answers->at(0).problem.empty());
  CHECK(answers->at(1).problem.starts_with("no answer within its deadline"));
  CHECK(fleet.clock.steady().time_since_epoch() > std::chrono::minutes(5));
  CHECK(fleet.clock.steady().time_since_epoch() < std::chrono::minutes(6));
  CHECK(fleet.jobs() == 0);
}

TEST_CASE("a Job that was made without a word is removed when it is of this run, and only then") {
  for (const bool ours : {true, false}) {
    CAPTURE(ours);
    Fleet fleet({"a", "b"});
    fleet.request.run = "ada@host-1";
    fleet.then = [&](const ApiRequest& request, ApiAnswer answer) -> Result<ApiAnswer> {
      if (request.method != "POST" || request.about != "Job for node b") return answer;
      if (!ours)
        fleet.cluster.objects[jobs_at + gpu_job_name("b")]["metadata"]["annotations"][run_annotation] = "bob@host-1";
      return Error{Error::Kind::unavailable, "the connection broke", ""};
    };
    const auto answers = fleet.check();
    REQUIRE(!answers);
    CHECK(answers.error().message == "the connection broke");
    CHECK(fleet.jobs() == (ours ? 0 : 1));
  }
}

TEST_CASE("a Job that cannot be removed is told of") {
  struct Notes : Progress {
    std::string all;
    void step(std::string_view) override {}
    void update(std::string_view) override {}
    void finish(Symbol, std::string_view) override {}
    void note(std::string_view line) override { all += line; }
    void event(std::string_view) override {}
  } notes;
  Fleet fleet({"a"});
  fleet.play("a", ended, "report of a");
  fleet.then = [](const ApiRequest& request, ApiAnswer answer) -> Result<ApiAnswer> {
    if (request.method != "DELETE") return answer;
    return ApiAnswer{403, R"({"kind":"Status","reason":"Forbidden","message":"jobs is forbidden"})", {}};
  };
  fleet.adopt();
  const auto nodes = find_gpu_nodes(fleet.cluster, {});
  REQUIRE(nodes);
  const auto answers = check_gpus({fleet.cluster, fleet.discovery, fleet.clock, notes}, *nodes, fleet.request);
  REQUIRE(answers);
  CHECK(
      notes.all.starts_with("Job ops/" + gpu_job_name("a") + " could not be removed, and goes an hour after its end"));
}

TEST_CASE("nodes are found by name, and one that is not there is an error") {
  Fleet fleet({"a", "b"});
  CHECK(find_gpu_nodes(fleet.cluster, {"b"})->front().name == "b");
  CHECK(find_gpu_nodes(fleet.cluster, {"c"}).error().kind == Error::Kind::not_found);
  fleet.cluster.objects.clear();
  CHECK(find_gpu_nodes(fleet.cluster, {}).error().kind == Error::Kind::not_found);
}

TEST_CASE("marks are written, also to nodes that their kubelets write to all the time, and what others wrote stays") {
  Fleet fleet({"a", "b"});
  int writes = 0;
  fleet.cluster.before = [&](const ApiRequest& request) {
    if (request.method != "PATCH" || request.about != "Node a" || ++writes > 3) return;
    fleet.cluster.change("/api/v1/nodes/a", [](Json& node) {
      node["spec"]["taints"] =
          Json::array({{{"key", "new"}, {"effect", "NoExecute"}, {"timeAdded", "2026-01-01T00:00:00Z"}}});
    });
  };
  REQUIRE(mark_nodes(fleet.cluster, {{"a", false, ""}, {"b", true, ""}}));
  const auto& taints = fleet.cluster.objects["/api/v1/nodes/a"]["spec"]["taints"];
  REQUIRE(taints.size() == 2);
  CHECK(taints[0]["timeAdded"] == "2026-01-01T00:00:00Z");
  CHECK(taints[1]["value"] == "unfit");
  CHECK(fleet.cluster.objects["/api/v1/nodes/b"]["metadata"]["labels"][gpu_label] == "fit");
  writes = -100;
  CHECK(mark_nodes(fleet.cluster, {{"a", true, ""}}).error().kind == Error::Kind::conflict);
  CHECK(mark_nodes(fleet.cluster, {{"gone", true, ""}}).error().kind == Error::Kind::not_found);
}
