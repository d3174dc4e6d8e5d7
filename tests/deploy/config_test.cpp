#include "deploy/config.h"

#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "tests/deploy/support.h"

using namespace mlctl;
using namespace mlctl::deploy;

namespace {
struct Case {
  const char* what;
  std::string yaml;
  std::string problem;  // a part of the message
};
void check_problems(const std::vector<Case>& cases, std::string (*ask)(const std::string&)) {
  for (const auto& c : cases) {
    CAPTURE(c.what);
    CAPTURE(c.yaml);
    const auto problem = ask(c.yaml);
    CAPTURE(problem);
    CHECK(!problem.empty());
    CHECK(problem.find(c.problem) != std::string::npos);
  }
}
}  // namespace

TEST_CASE("what model.yaml does not say has a default") {
  const auto serving = decode_serving(test::model());
  REQUIRE(serving);
  CHECK(serving->runtime == "mlserver");
  CHECK(serving->init_image.empty());
  CHECK(serving->resources == std::map<std::string, std::string>{{"cpu", "500m"}, {"memory", "1Gi"}});
  CHECK(!serving->gpu);
  CHECK(serving->autoscale.min == 1);
  CHECK(serving->autoscale.max == 1);
  CHECK(serving->drain == std::chrono::seconds(30));
}

TEST_CASE("serving is read as it is written") {
  const auto serving = decode_serving(test::model(R"(
labels: {team: risk, example.com/tier: "1"}
serving:
  mount: {init: "registry.example/mlctl@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
  resources: {cpu: "2", memory: 4Gi, example.com/fpga: "1"}
  gpu: {count: 2, memory: 24Gi, arch: ">=8.6"}
  autoscale: {min: 2, max: 40, cpu: 60%}
  env: [{name: TOKEN, secret: {name: feature-store, key: token}}]
rollout: {drain: {timeout: 90s}}
)"));
  REQUIRE(serving);
  CHECK(serving->init_image.starts_with("registry.example/mlctl@sha256:"));
  CHECK(serving->resources.at("example.com/fpga") == "1");
  REQUIRE(serving->gpu);
  CHECK(serving->gpu->count == 2);
  CHECK(serving->gpu->memory == 24.0 * 1024 * 1024 * 1024);
  CHECK(serving->gpu->major == 8);
  CHECK(serving->gpu->minor == 6);
  CHECK(serving->autoscale.max == 40);
  CHECK(serving->autoscale.cpu == doctest::Approx(0.6));
  REQUIRE(serving->env.size() == 1);
  CHECK(serving->env[0].secret == "feature-store");
  CHECK(serving->drain == std::chrono::seconds(90));
  CHECK(serving->labels == std::map<std::string, std::string>{{"team", "risk"}, {"example.com/tier", "1"}});
}

TEST_CASE("min alone is a fixed number of replicas") {
  const auto serving = decode_serving(test::model("serving: {autoscale: {min: 3}}"));
  REQUIRE(serving);
  CHECK(serving->autoscale.max == 3);
}

TEST_CASE("what a cluster would refuse of a model is refused with its place") {
  check_problems(
      {
          {"a value that no label may have", "labels: {team: 'risk & co'}", "model.yaml:1:"},
          {"a line break in a label", "labels: {team: \"a\\nb\"}", "labels.team"},
          {"a key that no label may have", "labels: {'a b': c}", "labels 'a b'"},
          {"a label that mlctl sets", "labels: {app.kubernetes.io/name: x}", "mlctl sets this label itself"},
          {"a label that is no text", "labels: {team: [a]}", "labels.team"},
          {"no memory", "serving: {resources: {memory: 0}}", "serving.resources has no memory"},
          {"no CPU", "serving: {resources: {cpu: 0, memory: 1Gi}}", "serving.resources has no cpu"},
          {"a negative amount", "serving: {resources: {cpu: 500m, memory: -1Gi}}", "memory"},
          {"a resource that no container has", "serving: {resources: {cpu: 1, memory: 1Gi, cpus: 2}}",
           "serving.resources 'cpus'"},
          {"half a device", "serving: {resources: {cpu: 1, memory: 1Gi, example.com/fpga: 500m}}", "whole number"},
          {"GPUs among the resources", "serving: {resources: {cpu: 1, memory: 1Gi, nvidia.com/gpu: 1}}", "serving.gpu"},
          {"no GPU at all", "serving: {gpu: {count: 0}}", "1 to 100000"},
          {"a GPU of negative memory", "serving: {gpu: {memory: -24Gi}}", "memory"},
          {"a capability without a minor", "serving: {gpu: {arch: '>=8'}}", "compute capability"},
          {"more at least than at most", "serving: {autoscale: {min: 5, max: 2}}",
           "autoscale.max is below autoscale.min"},
          {"scaling to nothing", "serving: {autoscale: {min: 0, max: 2}}", "1 to 100000"},
          {"scaling by what needs an adapter", "serving: {autoscale: {min: 1, max: 2, rate: 5/s}}", "KEDA"},
          {"a target of nothing", "serving: {autoscale: {min: 1, max: 2, cpu: 0%}}", "1% to 1000%"},
          {"a pool", "serving: {placement: {pool: shared}}", "not in this version"},
          {"an init image by tag", "serving: {mount: {init: 'registry.example/mlctl:v1'}}", "by its digest"},
          {"a value where a reference belongs", "serving: {env: [{name: TOKEN, value: secret}]}", "value"},
          {"a name that no variable may have", "serving: {env: [{name: 'A=B', secret: {name: a, key: b}}]}",
           "environment variable"},
          {"a Secret that cannot be", "serving: {env: [{name: A, secret: {name: A_B, key: b}}]}", "Kubernetes takes"},
          {"a variable twice",
           "serving: {env: [{name: A, secret: {name: a, key: b}}, {name: A, secret: {name: a, key: c}}]}", "A twice"},
          {"a weight of nothing", "rollout: {steps: [{weight: 0%}]}", "above 0%"},
      },
      test::model_problem);
}

TEST_CASE("environments are read as they are written") {
  const auto plain = test::environment("{name: staging, gitops: {path: deploy/staging, branch: deploy}}");
  REQUIRE(plain.gitops);
  CHECK(plain.gitops->path == "deploy/staging");
  CHECK(!plain.cluster);
  CHECK(!plain.route);
  CHECK(!plain.confirm);
  const auto full = test::environment(R"(
name: prod
after: staging
cluster: {context: eu-prod, prometheus: {service: monitoring/prometheus:9090}}
pull: oci://registry.example:5000/models
route: {gateway: infra/public, host: models.example}
requires: [gate, signature]
confirm: true
)");
  CHECK(full.after == "staging");
  REQUIRE(full.cluster);
  CHECK(full.cluster->context == "eu-prod");
  CHECK(full.pull == "registry.example:5000/models");
  CHECK(full.copies);
  const auto mirrored =
      test::environment("{name: staging, pull: {registry: oci://mirror.example/models, copy: false}}");
  CHECK(mirrored.pull == "mirror.example/models");
  CHECK_FALSE(mirrored.copies);
  REQUIRE(full.route);
  CHECK(full.route->gateway_namespace == "infra");
  CHECK(full.route->gateway == "public");
  CHECK(full.requirements == std::vector<std::string>{"gate", "signature"});
  CHECK(full.confirm);
  CHECK(!test::environment("{name: staging, cluster: null}").cluster);
  CHECK(!full.pod_monitor);
  CHECK(!test::environment("{name: staging, podMonitor: false}").pod_monitor);
  CHECK(test::environment("{name: staging, podMonitor: true}").pod_monitor);
  CHECK(test::environment("{name: staging, podMonitor: {labels: {release: p}}}").pod_monitor->labels ==
        std::map<std::string, std::string>{{"release", "p"}});
  CHECK(test::environment("{name: staging, clusters: [{context: a}]}").several_clusters);
}

TEST_CASE("what is wrong with an environment is told with its place") {
  check_problems(
      {
          {"a name that no stage may have", "{name: Prod#1}", "mlctl.yaml:1:"},
          {"a folder outside", "{name: a, gitops: {path: ../x, branch: deploy}}", "folder of the repository"},
          {"a folder of git itself", "{name: a, gitops: {path: .git/x, branch: deploy}}", "folder of the repository"},
          {"a branch that git refuses", "{name: a, gitops: {path: x, branch: 'a..b'}}", "name of a branch"},
          {"gitops without a branch", "{name: a, gitops: {path: x}}", "branch"},
          {"a registry that is no URL", "{name: a, pull: registry.example/models}", "oci://HOST/PATH"},
          {"a route without a host", "{name: a, route: {gateway: infra/public}}", "`gateway:` and `host:`"},
          {"a gateway's counters without a Prometheus",
           "{name: a, cluster: {context: c}, route: {gateway: infra/public, host: a.b, metrics: traefik}}",
           "needs a Prometheus"},
          {"a gateway that nobody knows", "{name: a, route: {gateway: infra/public, host: a.b, metrics: nginx}}",
           "traefik"},
          {"a route with a port", "{name: a, route: {gateway: infra/public, host: 'a.b:80'}}", "host name"},
          {"a token in clear text",
           "{name: a, cluster: {context: c, prometheus: {url: 'http://localhost.example', auth: {token_file: /t}}}}",
           "over https alone"},
          {"a password in an address",
           "{name: a, cluster: {context: c, prometheus: {url: 'http://localhost:x@prometheus.example'}}}",
           "must not hold credentials"},
          {"a token for what the context leads to",
           "{name: a, cluster: {context: c, prometheus: {service: 'm/p:9090', auth: {token_file: /t}}}}",
           "auth is for `url:`"},
          {"a rule of somebody else's route", "{name: a, route: {rule: r}}", "not in this version"},
          {"a PodMonitor of no kind", "{name: a, podMonitor: maybe}", "podMonitor"},
          {"a label of a PodMonitor that mlctl sets", "{name: a, podMonitor: {labels: {app.kubernetes.io/name: x}}}",
           "mlctl sets this label itself"},
          {"a PodMonitor's label that no label may have", "{name: a, podMonitor: {labels: {a: 'b c'}}}",
           "podMonitor.labels.a"},
          {"evidence that nobody knows", "{name: a, requires: [luck]}", "luck"},
      },
      test::environment_problem);
}

TEST_CASE("a tenant's namespace is its name unless it says otherwise") {
  CHECK(test::tenant("{name: fraud}").name_space == "fraud");
  const auto full =
      test::tenant("{name: fraud, namespace: fraud-eu, quota: {requests.cpu: '40', requests.nvidia.com/gpu: '8'}}");
  CHECK(full.name_space == "fraud-eu");
  CHECK(full.quota == std::map<std::string, std::string>{{"requests.cpu", "40"}, {"requests.nvidia.com/gpu", "8"}});
}

TEST_CASE("what is wrong with a tenant is told with its place") {
  check_problems(
      {
          {"a namespace of Kubernetes", "{name: a, namespace: kube-system}", "belong to Kubernetes"},
          {"a name that is a namespace of Kubernetes", "{name: kube-system}", "belong to Kubernetes"},
          {"a resource that has no quota", "{name: a, quota: {gpu: 1}}", "quota 'gpu'"},
          {"half a pod", "{name: a, quota: {pods: 500m}}", "whole number"},
          {"a negative quota", "{name: a, quota: {requests.cpu: -1}}", "requests.cpu"},
      },
      test::tenant_problem);
}
