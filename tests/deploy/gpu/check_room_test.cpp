// A plan whose new pods want GPUs, on nodes and beside pods of a cluster in memory.
#include "deploy/gpu/check_room.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "deploy/cluster/apply.h"
#include "tests/deploy/cluster/memory_cluster.h"
#include "tests/deploy/support.h"

using namespace mlctl;
using namespace mlctl::deploy;
using Json = nlohmann::ordered_json;

namespace {

const std::string on_gpus = "{serving: {gpu: {count: 1, memory: 24Gi, arch: \">=8.0\"}, autoscale: {min: 2, max: 6}}}";

struct Fleet {
  test::MemoryCluster cluster;
  ManualClock clock;
  Discovery discovery{cluster, clock, {}, "test"};
  Desired desired;
  GpuReportOf reports;

  explicit Fleet(const std::string& model = on_gpus, const std::string& environment = "") {
    desire(test::spec(model, "{name: staging, pull: oci://registry.example/models" + environment + "}"));
    cluster.objects["/api/v1/namespaces/fraud"] = {{"kind", "Namespace"}, {"metadata", {{"name", "fraud"}}}};
  }
  void desire(Spec spec) {
    const auto n = static_cast<std::uint64_t>(spec.assignment);
    auto file = file_of_spec(std::move(spec), Form::bodies);
    REQUIRE(file);
    desired = {"staging", {{file->spec()->model, n, "fraud"}}, {}};
    desired.files.push_back(std::move(*file));
  }
  void apply() {
    const ClusterApplyOptions options{.run = "me"};
    const auto done = apply_cluster(desired, plan(), {cluster, discovery, options, clock, no_progress()});
    REQUIRE(done);
    for (const auto& owner : done->owners) REQUIRE(!owner.error);
  }
  void add_node(const std::string& name, int gpus, int mebibytes = 81'559) {
    cluster.objects["/api/v1/nodes/" + name] = {
        {"apiVersion", "v1"},
        {"kind", "Node"},
        {"metadata",
         {{"name", name},
          {"labels",
           {{"nvidia.com/gpu.count", std::to_string(gpus)},
            {"nvidia.com/gpu.memory", std::to_string(mebibytes)},
            {"nvidia.com/gpu.compute.major", "9"},
            {"nvidia.com/gpu.compute.minor", "0"}}}}},
        {"status",
         {{"allocatable", {{gpu_resource, std::to_string(gpus)}}},
          {"conditions", Json::array({{{"type", "Ready"}, {"status", "True"}}})}}}};
  }
  void add_pod(const std::string& node, int gpus) {
    const auto name = "of" + node + "-" + std::to_string(cluster.objects.size());
    cluster.objects["/api/v1/namespaces/other/pods/" + name] = {
        {"apiVersion", "v1"},
        {"kind", "Pod"},
        {"metadata", {{"name", name}, {"namespace", "other"}}},
        {"spec",
         {{"nodeName", node},
          {"containers", Json::array({{{"resources", {{"limits", {{gpu_resource, std::to_string(gpus)}}}}}}})}}},
        {"status", {{"phase", node.empty() ? "Pending" : "Running"}}}};
  }
  ClusterPlan plan() {
    auto plan =
        plan_cluster(cluster, discovery, {desired, false, "2026-01-02T03:04:05Z", "me", false, nullptr, reports});
    REQUIRE(plan);
    return std::move(*plan);
  }
};

}  // namespace

TEST_CASE("new pods that find no GPUs are refused before anything is changed, and the others are not") {
  Fleet fleet;
  fleet.add_node("a", 4);
  fleet.add_pod("a", 3);
  fleet.add_node("b", 8, 16'384);
  auto plan = fleet.plan();
  REQUIRE(plan.owners.front().refused);
  CHECK(plan.owners.front().refused->kind == Error::Kind::denied);
  CHECK(plan.owners.front().refused->message ==
        "fraud/credit-risk: 2 new pods want 1 GPU each, of 24.0 GiB at least, of compute capability 8.0 at least, and "
        "there is room for 1\n"
        "a: 1 of 4 GPUs free\n"
        "b: its GPUs have 16.0 GiB");
  CHECK(plan.owners.front().refused->hint.starts_with("free some: new pods stand beside those that serve"));
  CHECK(plan.owners.front().changes.empty());

  fleet.add_node("c", 1);
  plan = fleet.plan();
  CHECK(!plan.owners.front().refused);
  CHECK(!plan.owners.front().changes.empty());
}

TEST_CASE("pods that are there already want no more GPUs, and a model without them is not asked about") {
  Fleet fleet;
  auto plan = fleet.plan();
  CHECK(plan.owners.front().refused->message.ends_with("there is no room: no node has GPUs"));
  CHECK(plan.owners.front().refused->hint.starts_with("`serving.gpu` in the model's model.yaml"));
  fleet.add_node("a", 2);
  fleet.apply();
  fleet.add_pod("a", 2);
  plan = fleet.plan();
  CHECK(!plan.owners.front().refused);
  CHECK(plan.owners.front().changes.empty());

  Fleet without("{}");
  without.cluster.before = [](const ApiRequest& request) { CHECK(request.path.find("/nodes") == std::string::npos); };
  CHECK(!without.plan().owners.front().refused);
}

TEST_CASE("where nodes are added on demand a shortage is a note") {
  Fleet fleet(on_gpus, ", node_autoscaling: true");
  fleet.add_node("a", 1);
  const auto plan = fleet.plan();
  CHECK(!plan.owners.front().refused);
  REQUIRE(plan.notes.size() == 1);
  CHECK(plan.notes.front().find("there is room for 1\n  a: 1 of 1 GPU free") != std::string::npos);
}

TEST_CASE("a canary needs room for as many pods as stable has, and the way back is not held up") {
  Fleet fleet;
  fleet.add_node("a", 8);
  fleet.apply();
  fleet.add_pod("a", 2);
  for (auto& [path, object] : fleet.cluster.objects)
    if (object["kind"] == "Deployment") object["spec"]["replicas"] = 5;  // an autoscaler's
  auto next = test::spec(on_gpus);
  next.assignment = 8;
  next.digest = digest_of("another");
  fleet.desire(next);
  auto plan = fleet.plan();
  CHECK(plan.owners.front().rollout == OwnerPlan::Rollout::begins);
  CHECK(!plan.owners.front().refused);
  fleet.add_pod("a", 2);
  plan = fleet.plan();
  REQUIRE(plan.owners.front().refused);
  CHECK(plan.owners.front().refused->message.find("5 new pods want 1 GPU each") != std::string::npos);
  CHECK(plan.owners.front().refused->message.find("room for 4") != std::string::npos);

  next.way_back = true;
  fleet.desire(next);
  plan = fleet.plan();
  CHECK(!plan.owners.front().refused);
  CHECK(plan.notes.empty());
}

TEST_CASE("where taints keep pods away the server says what admission lets them tolerate") {
  Fleet fleet;
  fleet.add_node("a", 2);
  fleet.cluster.objects["/api/v1/nodes/a"]["spec"]["taints"] =
      Json::array({{{"key", "sku"}, {"value", "gpu"}, {"effect", "NoSchedule"}}});
  CHECK(fleet.plan().owners.front().refused->message.find("a: it has the taint sku=gpu") != std::string::npos);
  fleet.cluster.after = [](const ApiRequest& request, ApiAnswer answer) -> Result<ApiAnswer> {
    if (request.method != "POST" || !request.path.ends_with("/pods")) return answer;
    auto pod = Json::parse(request.body);
    pod["spec"]["tolerations"].push_back({{"key", "sku"}, {"operator", "Exists"}});
    return ApiAnswer{201, pod.dump(), {}};
  };
  CHECK(!fleet.plan().owners.front().refused);
}

TEST_CASE("what others wait for is said") {
  Fleet fleet;
  fleet.add_node("a", 2);
  fleet.add_pod("", 3);
  const auto plan = fleet.plan();
  CHECK(!plan.owners.front().refused);
  CHECK(plan.notes == std::vector<std::string>{"pods that have no node yet want 3 GPUs too"});
}

TEST_CASE("what nobody lets us see is a note, and what did not answer is none") {
  const std::string no =
      R"(nodes is forbidden: User "ci" cannot list resource "nodes" in API group "" at the cluster scope)";
  Fleet fleet;
  fleet.cluster.after = [&](const ApiRequest& request, ApiAnswer answer) -> Result<ApiAnswer> {
    if (request.path != "/api/v1/nodes") return answer;
    return ApiAnswer{403, Json{{"kind", "Status"}, {"reason", "Forbidden"}, {"message", no}}.dump(), {}};
  };
  const auto plan = fleet.plan();
  CHECK(!plan.owners.front().refused);
  REQUIRE(plan.notes.size() == 1);
  CHECK(plan.notes.front() == "whether GPUs are free is not known: list of nodes: " + no);

  fleet.cluster.after = [](const ApiRequest& request, ApiAnswer answer) -> Result<ApiAnswer> {
    return request.path == "/api/v1/nodes" ? ApiAnswer{500, "{}", {}} : answer;
  };
  const auto failed =
      plan_cluster(fleet.cluster, fleet.discovery, {fleet.desired, false, "2026-01-02T03:04:05Z", "me"});
  REQUIRE(!failed);
  CHECK(failed.error().kind == Error::Kind::unavailable);
}

TEST_CASE("nodes that were found unfit are no room, and those that nobody checked are named") {
  Fleet fleet(on_gpus, ", gpu_smoke: {image: \"r.example/g@sha256:" + std::string(64, '0') + "\"}");
  for (const char* name : {"a", "b", "c"}) fleet.add_node(name, 1);
  fleet.cluster.objects["/api/v1/nodes/c"]["metadata"]["labels"]["mlctl.dev/gpu"] = "fit";
  fleet.reports = [](const std::string& node) {
    return node == "a" ? std::optional(GpuReport{true, "2026-01-01T00:00:00Z"}) : std::nullopt;
  };
  auto plan = fleet.plan();
  CHECK(!plan.owners.front().refused);
  CHECK(plan.notes ==
        std::vector<std::string>{
            "unfit, and nothing keeps pods away from it: a; `mlctl gpu check --cluster staging --mark` checks it again",
            "GPUs that nobody has checked: of b; `mlctl gpu check --cluster staging`"});
  fleet.add_pod("b", 1);
  plan = fleet.plan();
  REQUIRE(plan.owners.front().refused);
  CHECK(plan.owners.front().refused->message.find("\na: its GPUs were found unfit at 2026-01-01T00:00:00Z") !=
        std::string::npos);
}
