#include "deploy/cluster/pods.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/deploy/cluster/pod_samples.h"

using namespace mlctl;
using namespace mlctl::deploy;
using namespace mlctl::deploy::test;

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

TEST_CASE("why a Deployment has no pods is told in the words of whoever refuses them") {
  using Kind = PodTrouble::Kind;
  struct Case {
    const char* what;
    std::string message;
    Kind kind;
  };
  for (const auto& c : std::vector<Case>{
           {"quota", "pods \"a-1\" is forbidden: exceeded quota: mlctl, requested: cpu=4, used: cpu=8, limited: cpu=10",
            Kind::quota},
           {"a webhook", "admission webhook \"images.example\" denied the request: not signed", Kind::admission},
           {"pod security", "pods \"a-1\" is forbidden: violates PodSecurity \"restricted:latest\"", Kind::admission},
           {"no ServiceAccount", "pods \"a-1\" is forbidden: error looking up service account n/a: not found",
            Kind::configuration},
       }) {
    CAPTURE(c.what);
    const auto trouble = trouble_of_deployment(refused(c.message));
    CHECK(trouble.kind == c.kind);
    CHECK(trouble.reason == c.message);
  }
  CHECK(trouble_of_deployment({}).kind == Kind::none);
  auto over = refused("exceeded quota");
  over["status"]["conditions"][0]["status"] = "False";
  CHECK(trouble_of_deployment(over).kind == Kind::none);
}

TEST_CASE("a scheduler's message is told as what is short where") {
  struct Case {
    const char* what;
    std::string message, told;
  };
  for (const auto& c : std::vector<Case>{
           {"one resource", "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
            "nvidia.com/gpu is short on 3 of 3 nodes"},
           {"several, and what preemption would not help",
            "0/5 nodes are available: 1 Insufficient cpu, 2 Insufficient memory, 2 node(s) had untolerated taint {gpu: "
            "true}. preemption: 0/5 nodes are available: 5 No preemption victims found for incoming pod.",
            "cpu is short on 1 of 5 nodes; memory is short on 2 of 5 nodes; 2 of 5 nodes had untolerated taint {gpu: "
            "true}"},
           {"no nodes", "no nodes available to schedule pods", "no nodes available to schedule pods"},
           {"another scheduler", "0/3 nodes are available: gang of 4, not complete",
            "0/3 nodes are available: gang of 4, not complete"},
           {"a claim", "waiting for 1/2 claims", "waiting for 1/2 claims"},
           {"nothing", "", ""},
       }) {
    CAPTURE(c.what);
    CHECK(shortage_in(c.message) == c.told);
  }
}

TEST_CASE("of several pods the worst trouble is told, with how many have it") {
  CHECK(trouble_of_all({pod(running), pod(out_of_memory), pod(out_of_memory)}) ==
        "2 pods crash: out of memory: the container was killed at its limit");
  CHECK(trouble_of_all({}).empty());
}
