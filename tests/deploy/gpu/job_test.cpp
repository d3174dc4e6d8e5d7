#include "deploy/gpu/job.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

using namespace mlctl;
using namespace mlctl::deploy;
using Json = nlohmann::ordered_json;

namespace {

Json node(const char* more) {
  Json out = Json::parse(R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"gpu-1","resourceVersion":"7","labels":{
    "nvidia.com/gpu.product":"NVIDIA-L4","nvidia.com/gpu.memory":"23034","nvidia.com/gpu.compute.major":"8",
    "nvidia.com/gpu.compute.minor":"9"}},"spec":{"taints":[{"key":"gpu","effect":"NoSchedule"},
    {"key":"team","value":"fraud","effect":"NoExecute"}]},"status":{"capacity":{"nvidia.com/gpu":"4"},
    "allocatable":{"nvidia.com/gpu":"4"},"conditions":[{"type":"Ready","status":"True"}]}})");
  out.merge_patch(Json::parse(more));
  return out;
}

Json pod(const std::string& created, const std::string& status, const std::string& uid = "u1") {
  Json out = {{"apiVersion", "v1"},
              {"kind", "Pod"},
              {"metadata",
               {{"name", "pod-" + created},
                {"creationTimestamp", created},
                {"labels", {{"batch.kubernetes.io/controller-uid", uid}}}}}};
  out["status"] = Json::parse(status);
  return out;
}

std::string ended_with(int code) {
  return R"({"phase":"Failed","containerStatuses":[{"state":{"terminated":{"exitCode":)" + std::to_string(code) +
         "}}}]}";
}

}  // namespace

TEST_CASE("a node is as its labels, its resources and its taints say, and nonsense is nothing") {
  struct Case {
    const char* what;
    const char* patch;
    std::size_t nodes;
    std::int64_t count;
    bool ready;
  };
  for (
      const auto& c :
      {Case{"four GPUs", "{}", 1, 4, true},
       Case{"no GPU", R"({"status":{"capacity":null,"allocatable":null}})", 0, 0, false},
       Case{"the plugin is broken", R"({"status":{"allocatable":{"nvidia.com/gpu":"0"}}})", 1, 0, true},
       Case{
           "the driver is broken: only the label says that it has one",
           R"({"metadata":{"labels":{"nvidia.com/gpu.present":"true"}},"status":{"capacity":null,"allocatable":null}})",
           1, 0, true},
       Case{"not ready", R"({"status":{"conditions":[{"type":"Ready","status":"Unknown"}]}})", 1, 4, false},
       Case{"less than none", R"({"status":{"allocatable":{"nvidia.com/gpu":"-4"}}})", 1, 0, true},
       Case{"words", R"({"status":{"allocatable":{"nvidia.com/gpu":"many"}}})", 1, 0, true}}) {
    INFO(std::string(c.what));
    const auto nodes = gpu_nodes({node(c.patch)});
    REQUIRE(nodes.size() == c.nodes);
    if (nodes.empty()) continue;
    CHECK(nodes.front().count == c.count);
    CHECK(nodes.front().ready == c.ready);
  }
  const auto all = gpu_nodes({node(R"({"metadata":{"name":"z"}})"), node("{}")});
  REQUIRE(all.size() == 2);
  const auto& one = all.front();
  CHECK(one.name == "gpu-1");
  CHECK(one.model == "NVIDIA-L4");
  CHECK(one.memory == 23034);
  CHECK(std::pair(one.major, one.minor) == std::pair(8, 9));
  CHECK(one.taints == std::vector<Taint>{{"gpu", "", "NoSchedule"}, {"team", "fraud", "NoExecute"}});
}

TEST_CASE("a mark keeps the other taints, and is taken off again") {
  const auto marked = mark_patch(node("{}"), {"gpu-1", false, "2026-01-02T03:04:05Z"});
  CHECK(marked["metadata"]["resourceVersion"] == "7");
  CHECK(marked["metadata"]["labels"][gpu_label] == "unfit");
  CHECK(marked["spec"]["taints"].dump() ==
        R"([{"key":"gpu","effect":"NoSchedule"},{"key":"team","value":"fraud","effect":"NoExecute"},)"
        R"({"key":"mlctl.dev/gpu","value":"unfit","effect":"NoSchedule"}])");
  auto after = node("{}");
  after.merge_patch(marked);
  CHECK(gpu_nodes({after}).front().mark == "unfit");
  CHECK(gpu_nodes({after}).front().marked == "2026-01-02T03:04:05Z");
  CHECK(mark_patch(after, {"gpu-1", false, "2026-01-02T03:04:05Z"}) == marked);
  after.merge_patch(mark_patch(after, {"gpu-1", true, ""}));
  CHECK(after["spec"]["taints"].size() == 2);
  CHECK(gpu_nodes({after}).front().mark == "fit");
}

TEST_CASE("a Job is pinned to its node, goes past its taints, takes all GPUs and is never run again after an answer") {
  const GpuJobRequest request{"r.example/gpu-smoke@sha256:00", "ops", true, std::chrono::minutes(2)};
  const auto job = gpu_job(gpu_nodes({node("{}")}).front(), request);
  const auto at = [&](const char* path) { return job.at(Json::json_pointer(path)); };
  CHECK(at("/metadata/namespace") == "ops");
  CHECK(at("/metadata/annotations/mlctl.dev~1node") == "gpu-1");
  CHECK(at("/spec/activeDeadlineSeconds") == 120);
  CHECK(at("/spec/podFailurePolicy/rules/0/onExitCodes/values") == Json({1, 2, 3, 5}));
  const std::string pod_spec = "/spec/template/spec";
  CHECK(at((pod_spec + "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/"
                       "matchFields/0")
               .c_str()) == Json({{"key", "metadata.name"}, {"operator", "In"}, {"values", {"gpu-1"}}}));
  CHECK(at((pod_spec + "/tolerations").c_str()).dump() ==
        R"([{"key":"gpu","operator":"Exists","effect":"NoSchedule"},)"
        R"({"key":"team","operator":"Equal","value":"fraud","effect":"NoExecute"}])");
  CHECK(at((pod_spec + "/containers/0/args").c_str()) == Json({"--output", "json", "--expect-gpus", "4", "--quick"}));
  CHECK(at((pod_spec + "/containers/0/resources/limits").c_str()) == Json({{"nvidia.com/gpu", "4"}}));
  CHECK(gpu_job_name(std::string(250, 'n')).size() <= 63);
  CHECK(gpu_job_name("a") != gpu_job_name("b"));
}

TEST_CASE("of a GPU that is shared or cut into parts nobody expects a number") {
  struct Case {
    const char* what;
    const char* patch;
    bool expects;
  };
  for (const auto& c :
       {Case{"whole ones", "{}", true},
        Case{"one turn each", R"({"metadata":{"labels":{"nvidia.com/gpu.replicas":"1"}}})", true},
        Case{"turns", R"({"metadata":{"labels":{"nvidia.com/gpu.replicas":"4"}}})", false},
        Case{"MIG devices as GPUs",
             R"({"metadata":{"labels":{"nvidia.com/gpu.product":"NVIDIA-A100-SXM4-40GB-MIG-1g.5gb"}}})", false},
        Case{"MIG devices beside GPUs", R"({"status":{"allocatable":{"nvidia.com/mig-1g.10gb":"7"}}})", false},
        Case{"none at the moment", R"({"status":{"allocatable":{"nvidia.com/mig-1g.10gb":"0"}}})", true}}) {
    INFO(std::string(c.what));
    const auto job = gpu_job(gpu_nodes({node(c.patch)}).front(), {"r.example/gpu-smoke@sha256:00", "ops"});
    const auto arguments = job.at(Json::json_pointer("/spec/template/spec/containers/0/args")).dump();
    CHECK((arguments.find("--expect-gpus") != std::string::npos) == c.expects);
  }
}

TEST_CASE("what became of a Job: an answer, or why there is none") {
  struct Case {
    const char* what;
    const char* conditions;
    std::vector<Json> pods;
    bool over;
    int code;
    const char* problem;
  };
  const auto unschedulable = [](const std::string& why) {
    return R"({"conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable","message":")" + why +
           "\"}]}";
  };
  const char* none = "[]";
  const char* complete = R"([{"type":"Complete","status":"True"}])";
  const char* deadline = R"([{"type":"Failed","status":"True","reason":"DeadlineExceeded","message":"m"}])";
  const char* policy = R"([{"type":"Failed","status":"True","reason":"PodFailurePolicy","message":"m"}])";
  for (
      const auto& c : std::vector<Case>{
          {"just made", none, {}, false, -1, ""},
          {"starting", none, {pod("1", R"({"phase":"Pending"})")}, false, -1, "its containers are being started"},
          {"fit",
           complete,
           {pod("1", R"({"containerStatuses":[{"state":{"terminated":{"exitCode":0}}}]})")},
           true,
           0,
           ""},
          {"unfit, and the Job does not know yet", none, {pod("1", ended_with(1))}, false, 1, ""},
          {"unfit", policy, {pod("1", ended_with(1))}, true, 1, ""},
          {"evicted, and then fit",
           complete,
           {pod("1", R"({"phase":"Failed","reason":"Evicted"})"), pod("2", ended_with(0))},
           true,
           0,
           ""},
          {"what a Job of before said is no answer", none, {pod("1", ended_with(0), "u0")}, false, -1, ""},
          {"killed, and the Job tries again",
           none,
           {pod("1", ended_with(137))},
           false,
           -1,
           "it ended with exit code 137"},
          {"killed, and that was all", policy, {pod("1", ended_with(137))}, true, 137, ""},
          {"GPUs in use",
           none,
           {pod("1", unschedulable("0/2 nodes are available: 1 Insufficient nvidia.com/gpu, 1 node(s) x."))},
           false,
           -1,
           "other pods have some of its GPUs"},
          {"no room",
           none,
           {pod("1", unschedulable("0/2 nodes are available: 1 Insufficient memory, 1 node(s) x."))},
           false,
           -1,
           "unschedulable: memory is short on 1 of 2 nodes; 1 of 2 nodes x"},
          {"no image",
           none,
           {pod(
               "1",
               R"({"phase":"Pending","containerStatuses":[{"state":{"waiting":{"reason":"ErrImagePull","message":"gone"}}}]})")},
           false,
           -1,
           "gone"},
          {"too late", deadline, {}, true, -1, "no answer within its deadline"},
          {"gone", complete, {}, true, -1, "its pod is gone"}}) {
    INFO(std::string(c.what));
    Json job = {{"kind", "Job"}, {"metadata", {{"name", gpu_job_name("gpu-1")}, {"uid", "u1"}}}};
    job["status"] = {{"conditions", Json::parse(c.conditions)}};
    const auto end = end_of(job, c.pods);
    CHECK(end.over == c.over);
    CHECK(end.exit_code == c.code);
    CHECK(end.problem == c.problem);
    CHECK((end.pod.empty() == (c.code < 0)));
  }
}
