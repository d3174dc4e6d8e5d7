#include "deploy/cluster/wait.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/terminal.h"
#include "deploy/cluster/pods.h"
#include "tests/deploy/cluster/memory_cluster.h"

using namespace mlctl;
using namespace mlctl::deploy;
using Json = nlohmann::ordered_json;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

ObjectKey key() {
  return {"apps/v1", "Deployment", "fraud", "a-0123456789"};
}
constexpr const char* deployment_at = "/apis/apps/v1/namespaces/fraud/deployments/a-0123456789";
constexpr const char* pod_at = "/api/v1/namespaces/fraud/pods/a-1";

Json pod(const std::string& status) {
  Json out = {{"apiVersion", "v1"},
              {"kind", "Pod"},
              {"metadata",
               {{"name", "a-1"},
                {"namespace", "fraud"},
                {"labels", {{"app.kubernetes.io/managed-by", "mlctl"}, {"mlctl.dev/revision", "0123456789"}}}}}};
  out["status"] = Json::parse(status);
  return out;
}

std::string waiting(const std::string& reason, const std::string& more = "") {
  return R"({"phase":"Pending","containerStatuses":[{"state":{"waiting":{"reason":")" + reason +
         R"(","message":"the )" + reason + R"("}})" + more + "}]}";
}

constexpr const char* unschedulable =
    R"({"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable",
        "message":"0/3 nodes are available: 3 Insufficient nvidia.com/gpu."}]})";
constexpr const char* out_of_memory =
    R"({"phase":"Running","containerStatuses":[{"state":{"waiting":{"reason":"CrashLoopBackOff","message":"back-off"}},
        "lastState":{"terminated":{"reason":"OOMKilled","exitCode":137}}}]})";
constexpr const char* running = R"({"phase":"Running","conditions":[{"type":"Ready","status":"False"}]})";

test::MemoryCluster cluster_with(const std::string& pod_status) {
  test::MemoryCluster cluster;
  cluster.objects[deployment_at] = {{"apiVersion", "apps/v1"},
                                    {"kind", "Deployment"},
                                    {"metadata", {{"name", key().name}, {"namespace", "fraud"}, {"generation", 1}}},
                                    {"spec", {{"replicas", 1}}},
                                    {"status", {{"observedGeneration", 1}, {"updatedReplicas", 1}, {"replicas", 1}}}};
  if (!pod_status.empty()) cluster.objects[pod_at] = pod(pod_status);
  return cluster;
}

}  // namespace

TEST_CASE("a pod's trouble is told in the words of whoever has it") {
  struct Case {
    const char* what;
    std::string status;
    PodTrouble::Kind kind;
    std::string reason;
  };
  using Kind = PodTrouble::Kind;
  for (const auto& c : std::vector<Case>{
           {"nobody has seen it", "{}", Kind::starting, "not scheduled yet"},
           {"no node has what it asks for", unschedulable, Kind::unschedulable,
            "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."},
           {"its containers are made", R"({"phase":"Pending"})", Kind::starting, "its containers are being started"},
           {"no such image", waiting("ErrImagePull"), Kind::image, "the ErrImagePull"},
           {"no such image, again", waiting("ImagePullBackOff"), Kind::image, "the ImagePullBackOff"},
           {"a Secret that is not there", waiting("CreateContainerConfigError"), Kind::configuration,
            "the CreateContainerConfigError"},
           {"it ended, and waits to be started again",
            waiting("CrashLoopBackOff", R"(,"lastState":{"terminated":{"exitCode":1,"reason":"Error"}})"), Kind::crash,
            "it ended with exit code 1"},
           {"out of memory", out_of_memory, Kind::crash, "out of memory: the container was killed at its limit"},
           {"it ended for good", R"({"phase":"Failed","containerStatuses":[{"state":{"terminated":{"exitCode":3}}}]})",
            Kind::crash, "it ended with exit code 3"},
           {"the node threw it out", R"({"phase":"Failed","reason":"Evicted","message":"disk"})", Kind::crash,
            "Evicted: disk"},
           {"not ready", running, Kind::not_ready, "running, and its readiness probe has not passed yet"},
           {"ready", R"({"phase":"Running","conditions":[{"type":"Ready","status":"True"}]})", Kind::none, ""},
           {"an init container that pulls in vain",
            R"({"phase":"Pending","initContainerStatuses":[{"state":{"terminated":{"exitCode":4}}}]})", Kind::crash,
            "it ended with exit code 4"},
           {"nonsense", R"({"phase":7,"conditions":{},"containerStatuses":[1,{"state":[]}]})", Kind::starting,
            "not scheduled yet"},
       }) {
    CAPTURE(c.what);
    const auto trouble = trouble_of(pod(c.status));
    CHECK(trouble.kind == c.kind);
    CHECK(trouble.reason == c.reason);
  }
}

TEST_CASE("of several pods the worst trouble is told, with how many have it") {
  CHECK(trouble_of_all({pod(running), pod(out_of_memory), pod(out_of_memory)}) ==
        "2 pods crash: out of memory: the container was killed at its limit");
  CHECK(trouble_of_all({}).empty());
}

TEST_CASE("each trouble has its own patience, and none outlasts the limit") {
  struct Case {
    const char* what;
    std::string status, message;
    Error::Kind kind;
    Duration waited;
  };
  const std::string at = "Deployment fraud/a-0123456789";
  for (const auto& c : std::vector<Case>{
           {"a wrong image", waiting("ErrImagePull"), at + ": image: the ErrImagePull", Error::Kind::denied,
            minutes(2)},
           {"a missing Secret", waiting("CreateContainerConfigError"),
            at + ": configuration: the CreateContainerConfigError", Error::Kind::denied, minutes(1)},
           {"out of memory", out_of_memory,
            at + ": crash: out of memory: the container was killed at its limit\n"
                 "its last lines:\n  loading\n  Killed\\x1b[2J",
            Error::Kind::denied, seconds(45)},
           {"no node", unschedulable, at + ": unschedulable: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
            Error::Kind::denied, minutes(10)},
           {"never ready", running,
            at + " is not ready after 15 min: not ready: running, and its readiness probe has not passed yet",
            Error::Kind::timeout, minutes(15)},
           {"no pods at all", "", at + " is not ready after 15 min: 0 of 1 replicas ready", Error::Kind::timeout,
            minutes(15)},
       }) {
    CAPTURE(c.what);
    auto cluster = cluster_with(c.status);
    cluster.after = [](const ApiRequest& request, ApiAnswer answer) {
      if (request.path.ends_with("/log")) return Result<ApiAnswer>(ApiAnswer{200, "loading\nKilled\x1b[2J\n", {}});
      return Result<ApiAnswer>(std::move(answer));
    };
    ManualClock clock;
    const auto errors = wait_until_ready({key()}, minutes(15), {cluster, clock, no_progress()});
    REQUIRE(errors.size() == 1);
    REQUIRE(errors[0]);
    CHECK(errors[0]->message == c.message);
    CHECK(errors[0]->kind == c.kind);
    CHECK(clock.steady().time_since_epoch() == c.waited);
  }
}

TEST_CASE("a trouble that passes begins its patience anew, and a pod that gets ready ends the waiting") {
  auto cluster = cluster_with(waiting("ErrImagePull"));
  ManualClock clock;
  cluster.before = [&](const ApiRequest&) {
    const auto now = clock.steady().time_since_epoch();
    if (now == seconds(100)) cluster.objects[pod_at] = pod(R"({"phase":"Pending"})");
    if (now == seconds(110)) cluster.objects[pod_at] = pod(waiting("ErrImagePull"));
    if (now == seconds(220))
      cluster.objects[deployment_at]["status"] = {{"observedGeneration", 1},
                                                  {"updatedReplicas", 1},
                                                  {"replicas", 1},
                                                  {"readyReplicas", 1},
                                                  {"availableReplicas", 1}};
  };
  const auto errors = wait_until_ready({key()}, minutes(15), {cluster, clock, no_progress()});
  CHECK(!errors[0]);
  CHECK(clock.steady().time_since_epoch() == seconds(220));
}

TEST_CASE("a Deployment that goes away, and a server that does, end the waiting for it alone") {
  auto cluster = cluster_with(running);
  cluster.after = [&](const ApiRequest& request, ApiAnswer answer) {
    if (request.about.ends_with("/gone-1")) return Result<ApiAnswer>(ApiAnswer{404, "", {}});
    return Result<ApiAnswer>(std::move(answer));
  };
  ManualClock clock;
  const auto errors = wait_until_ready({{"apps/v1", "Deployment", "fraud", "gone-1"}, key()}, minutes(1),
                                       {cluster, clock, no_progress()});
  CHECK(errors[0]->kind == Error::Kind::not_found);
  CHECK(errors[1]->kind == Error::Kind::timeout);
}
