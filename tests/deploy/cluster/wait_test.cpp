#include "deploy/cluster/wait.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/terminal.h"
#include "tests/deploy/cluster/memory_cluster.h"
#include "tests/deploy/cluster/pod_samples.h"

using namespace mlctl;
using namespace mlctl::deploy;
using namespace mlctl::deploy::test;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

ObjectKey key() {
  return {"apps/v1", "Deployment", "fraud", "a-0123456789"};
}
constexpr const char* deployment_at = "/apis/apps/v1/namespaces/fraud/deployments/a-0123456789";
constexpr const char* pod_at = "/api/v1/namespaces/fraud/pods/a-1";

MemoryCluster cluster_with(const std::string& pod_status) {
  MemoryCluster cluster;
  cluster.objects[deployment_at] = {
      {"apiVersion", "apps/v1"},
      {"kind", "Deployment"},
      {"metadata",
       {{"name", key().name},
        {"namespace", "fraud"},
        {"generation", 1},
        {"labels", {{"app.kubernetes.io/managed-by", "mlctl"}, {"mlctl.dev/revision", "0123456789"}}}}},
      {"spec", {{"replicas", 1}}},
      {"status", {{"observedGeneration", 1}, {"updatedReplicas", 1}, {"replicas", 1}}}};
  if (!pod_status.empty()) cluster.objects[pod_at] = pod(pod_status);
  return cluster;
}

}  // namespace

TEST_CASE("each trouble has its own patience, and none outlasts the limit") {
  struct Case {
    const char* what;
    std::string status, message;
    Error::Kind kind;
    Duration waited;
  };
  const std::string at = "Deployment fraud/a-0123456789";
  for (const auto& c : std::vector<Case>{
           {"a wrong image", waiting("ErrImagePull"),
            at + ": image: the ErrImagePull\npod a-1  image for 2 min of 2 min: the ErrImagePull", Error::Kind::denied,
            minutes(2)},
           {"a missing Secret", waiting("CreateContainerConfigError"),
            at + ": configuration: the CreateContainerConfigError\n"
                 "pod a-1  configuration for 1 min of 1 min: the CreateContainerConfigError",
            Error::Kind::denied, minutes(1)},
           {"out of memory", out_of_memory,
            at + ": crash: out of memory: the container was killed at its limit\n"
                 "pod a-1  crash for 45 s of 45 s: out of memory: the container was killed at its limit, started "
                 "again 4 times\n"
                 "its last lines:\n  loading\n  Killed\\x1b[2J",
            Error::Kind::denied, seconds(45)},
           {"no node", unschedulable,
            at + ": unschedulable: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu.\n"
                 "pod a-1  unschedulable for 10 min of 10 min: nvidia.com/gpu is short on 3 of 3 nodes",
            Error::Kind::denied, minutes(10)},
           {"never ready", running,
            at + " is not ready after 15 min: not ready: running, and its readiness probe has not passed yet\n"
                 "pod a-1  not ready for 15 min: running, and its readiness probe has not passed yet",
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
    const auto errors = wait_until_ready({{key()}}, minutes(15), {cluster, clock, no_progress()});
    REQUIRE(errors.size() == 1);
    REQUIRE(errors[0]);
    CHECK(errors[0]->error.message == c.message);
    CHECK(errors[0]->error.kind == c.kind);
    CHECK(errors[0]->judged);
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
    if (now == seconds(220)) cluster.change(deployment_at, [](Json& object) { object["status"] = all_ready(); });
  };
  const auto errors = wait_until_ready({{key()}}, minutes(15), {cluster, clock, no_progress()});
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
  const auto errors = wait_until_ready({{{"apps/v1", "Deployment", "fraud", "gone-1"}}, {key()}}, minutes(1),
                                       {cluster, clock, no_progress()});
  CHECK(errors[0]->error.kind == Error::Kind::not_found);
  CHECK_FALSE(errors[0]->judged);
  CHECK(errors[1]->error.kind == Error::Kind::timeout);
  CHECK(errors[1]->judged);
}

TEST_CASE("with watches nothing is asked while nothing changes, and what changes is seen at once") {
  auto cluster = cluster_with(running);
  ManualClock clock;
  cluster.clock = &clock;
  cluster.at.emplace(seconds(1), [] {});
  cluster.at.emplace(std::chrono::milliseconds(80'500),
                     [&] { cluster.objects[deployment_at]["status"] = all_ready(); });
  const auto errors = wait_until_ready({{key()}}, minutes(15), {cluster, clock, no_progress()});
  CHECK(!errors[0]);
  CHECK(clock.steady().time_since_epoch() == std::chrono::milliseconds(80'500));
  CHECK(cluster.lists == 2);
  CHECK(cluster.streams ==
        std::vector<std::string>{"/apis/apps/v1/namespaces/fraud/deployments", "/api/v1/namespaces/fraud/pods"});
  CHECK(cluster.listening() == 0);
}

TEST_CASE("a patience ends on time though nothing is said") {
  auto cluster = cluster_with(running);
  ManualClock clock;
  cluster.clock = &clock;
  cluster.at.emplace(seconds(10), [&] { cluster.objects[pod_at] = pod(waiting("ErrImagePull")); });
  const auto errors = wait_until_ready({{key()}}, minutes(15), {cluster, clock, no_progress()});
  CHECK(errors[0]->error.kind == Error::Kind::denied);
  CHECK(clock.steady().time_since_epoch() == seconds(130));
}

TEST_CASE("what failed keeps its branch: which pods, what their ReplicaSet was told, what serves instead") {
  auto cluster = cluster_with(waiting("ErrImagePull"));
  auto second = pod(unschedulable);
  second["metadata"]["name"] = "a-2";
  cluster.objects["/api/v1/namespaces/fraud/pods/a-2"] = second;
  cluster.objects[deployment_at]["status"]["conditions"] = refused("exceeded quota: mlctl")["status"]["conditions"];
  ManualClock clock;
  const Awaited what{key(), "fraud/a", "v1.0.0", {"Service fraud/a", "HTTPRoute fraud/a"}};
  const auto errors = wait_until_ready({what}, minutes(15), {cluster, clock, no_progress()});
  CHECK(errors[0]->error.message ==
        "Deployment fraud/a-0123456789: image: the ErrImagePull\n"
        "its ReplicaSet  quota: exceeded quota: mlctl\n"
        "pod a-1  image for 2 min of 2 min: the ErrImagePull\n"
        "pod a-2  unschedulable: nvidia.com/gpu is short on 3 of 3 nodes\n"
        "v1.0.0 serves as before; Service fraud/a and HTTPRoute fraud/a stay as they are");
}

TEST_CASE("quota and admission have a patience each, and give way to what pods that were made say") {
  struct Case {
    const char* what;
    std::string told, pod_status, message;
    Duration waited;
  };
  const std::string at = "Deployment fraud/a-0123456789: ";
  for (const auto& c : std::vector<Case>{
           {"quota", "exceeded quota: mlctl", "",
            at + "quota: exceeded quota: mlctl\nits ReplicaSet  quota for 5 min of 5 min: exceeded quota: mlctl",
            minutes(5)},
           {"admission", "violates PodSecurity", "",
            at + "admission: violates PodSecurity\n"
                 "its ReplicaSet  admission for 1 min of 1 min: violates PodSecurity",
            minutes(1)},
           {"quota beside a pod whose image is not there", "exceeded quota: mlctl", waiting("ErrImagePull"),
            at + "image: the ErrImagePull\n"
                 "its ReplicaSet  quota: exceeded quota: mlctl\n"
                 "pod a-1  image for 2 min of 2 min: the ErrImagePull",
            minutes(2)},
       }) {
    CAPTURE(c.what);
    auto cluster = cluster_with(c.pod_status);
    cluster.objects[deployment_at]["status"]["conditions"] = refused(c.told)["status"]["conditions"];
    ManualClock clock;
    const auto errors = wait_until_ready({{key()}}, minutes(15), {cluster, clock, no_progress()});
    CHECK(errors[0]->error.message == c.message);
    CHECK(errors[0]->error.kind == Error::Kind::denied);
    CHECK(clock.steady().time_since_epoch() == c.waited);
  }
}

namespace {

// Draws into a string.
struct Canvas : Progress {
  std::vector<std::string> drawn;
  void step(std::string_view) override {}
  void update(std::string_view) override {}
  void finish(Symbol, std::string_view) override {}
  void note(std::string_view) override {}
  void event(std::string_view) override {}
  bool show(const Picture& picture) override {
    drawn.push_back(picture({.unicode = true, .width = 100}, 20));
    return true;
  }
};

}  // namespace

TEST_CASE("on a terminal the tree is drawn anew as time passes, and asks nobody for it") {
  auto cluster = cluster_with(unschedulable);
  ManualClock clock;
  cluster.clock = &clock;
  cluster.at.emplace(seconds(20), [&] { cluster.objects[deployment_at]["status"] = all_ready(); });
  Canvas canvas;
  const auto errors =
      wait_until_ready({{key(), "fraud/a", "v1.0.0", {"Service fraud/a"}}}, minutes(15), {cluster, clock, canvas});
  CHECK(!errors[0]);
  CHECK(canvas.drawn.size() == 20);
  CHECK(cluster.lists == 2);
  CHECK(canvas.drawn.back() == R"(  fraud/a
  ├─ Deployment fraud/a-0123456789  0 of 1 replicas ready
  │  └─ pod a-1  unschedulable for 19 s of 10 min: nvidia.com/gpu is short on 3 of 3 nodes
  └─ v1.0.0 serves until it is ready; then Service fraud/a goes over
)");
}
