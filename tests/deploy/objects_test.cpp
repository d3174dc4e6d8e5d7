#include "deploy/objects.h"

#include <doctest/doctest.h>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "base/document.h"
#include "tests/deploy/support.h"

using namespace mlctl;
using namespace mlctl::deploy;
using Json = nlohmann::ordered_json;

namespace {
std::vector<std::string> names(const Objects& objects) {
  std::vector<std::string> out;
  for (const auto& object : objects) out.push_back(to_string(key_of(object)));
  return out;
}
std::string revision(const Spec& spec) {
  auto found = revision_of(spec);
  REQUIRE(found);
  return *found;
}
Json pod(const Spec& spec) {
  return test::find(test::objects(spec), "Deployment").at("spec").at("template").at("spec");
}

const char* routed =
    "{name: prod, pull: oci://registry.example/models, route: {gateway: infra/public, host: models.example}}";
}  // namespace

TEST_CASE("a model has one object of each kind, those of a revision under its name") {
  const auto spec = test::spec("serving: {autoscale: {min: 2, max: 4}}", routed);
  const auto name = "fraud/credit-risk-" + revision(spec);
  CHECK(names(test::objects(spec)) ==
        std::vector<std::string>{"ServiceAccount fraud/credit-risk", "Deployment " + name, "Service " + name,
                                 "Service fraud/credit-risk", "HorizontalPodAutoscaler " + name,
                                 "PodDisruptionBudget " + name, "HTTPRoute fraud/credit-risk"});
}

TEST_CASE("without a route and with a fixed number of replicas there is neither a route nor an autoscaler") {
  const auto objects = test::objects(test::spec("serving: {autoscale: {min: 3}}"));
  CHECK(objects.size() == 5);
  CHECK(test::find(objects, "Deployment").at("spec").at("replicas") == 3);
  const auto scaled = test::objects(test::spec("serving: {autoscale: {min: 2, max: 4}}"));
  CHECK(!test::find(scaled, "Deployment").at("spec").contains("replicas"));
}

TEST_CASE(
    "every pod says where it is scraped; a PodMonitor of the revision says it to an operator, where it is asked for") {
  struct Case {
    const char *profile, *port, *named;
  };
  for (const auto& c : {Case{"mlserver", "8082", "metrics"}, Case{"open-inference", "8080", "http"}}) {
    CAPTURE(c.profile);
    auto spec = test::spec();
    spec.runtime.profile = c.profile;
    const auto annotated = test::find(test::objects(spec), "Deployment").at("spec").at("template").at("metadata");
    CHECK(annotated.at("annotations") ==
          Json{{"prometheus.io/scrape", "true"}, {"prometheus.io/port", c.port}, {"prometheus.io/path", "/metrics"}});
    const auto without = revision(spec);
    spec.environment.pod_monitor = PodMonitor{{{"release", "kube-prometheus-stack"}}};
    CHECK(revision(spec) == without);  // switching it on starts no pod anew
    const auto monitor = test::find(test::objects(spec), "PodMonitor");
    CHECK(monitor.at("metadata").at("name") == "credit-risk-" + without);
    CHECK(monitor.at("metadata").at("labels").at("release") == "kube-prometheus-stack");
    CHECK(monitor.at("spec").at("selector").at("matchLabels").at("mlctl.dev/revision") == without);
    CHECK(monitor.at("spec").at("podMetricsEndpoints")[0] == Json{{"port", c.named}, {"path", "/metrics"}});
  }
}

TEST_CASE("names stay below 63 characters for the longest model") {
  auto longest = test::candidate();
  longest.model.name = "a" + std::string(31, 'b');
  const auto where = test::environment();
  const std::map<std::string, Runtime> runtimes{{"mlserver", test::runtime()}};
  const auto spec = spec_of(longest, {where, {}, runtimes});
  REQUIRE(spec);
  for (const auto& object : test::objects(*spec)) CHECK(key_of(object).name.size() <= 63);
}

TEST_CASE("the revision changes with what runs, and with nothing else") {
  const auto before = test::spec();
  struct Case {
    const char* what;
    bool another;
    std::function<void(Spec&)> edit;
  };
  for (const auto& c : std::vector<Case>{
           {"the model's digest", true, [](Spec& s) { s.digest.bytes[0] ^= 1; }},
           {"the runtime's image", true, [](Spec& s) { s.runtime.image.back() = 'b'; }},
           {"memory", true, [](Spec& s) { s.serving.resources["memory"] = "2Gi"; }},
           {"a label of the pods", true, [](Spec& s) { s.serving.labels["team"] = "other"; }},
           {"how long a pod may take to end", true, [](Spec& s) { s.serving.drain = std::chrono::seconds(31); }},
           {"where it is pulled from", true, [](Spec& s) { s.environment.pull = "other.example"; }},
           {"N", false, [](Spec& s) { s.assignment = 8; }},
           {"the version's name", false, [](Spec& s) { s.version.patch = 4; }},
           {"the commit", false, [](Spec& s) { s.commit = std::string(40, 'd'); }},
           {"the number of replicas", false, [](Spec& s) { s.serving.autoscale.min = s.serving.autoscale.max = 9; }},
           {"the route", false, [](Spec& s) { s.environment.route = Route{"infra", "public", "models.example"}; }},
       }) {
    CAPTURE(c.what);
    auto after = before;
    c.edit(after);
    CHECK((revision(after) != revision(before)) == c.another);
  }
}

TEST_CASE("N stands on every object and not in the pod template") {
  for (const auto& object : test::objects(test::spec("serving: {autoscale: {min: 1, max: 2}}", routed)))
    CHECK(object.at("metadata").at("annotations").at(assignment_annotation) == "7");
  auto look = test::spec();
  look.assignment = 0;
  for (const auto& object : test::objects(look))
    CHECK(!object.at("metadata").at("annotations").contains(assignment_annotation));
  const auto objects = test::objects(look);
  const auto annotations = test::find(objects, "Deployment").at("spec").at("template").at("metadata").at("annotations");
  REQUIRE_FALSE(annotations.empty());
  for (const auto& [key, value] : annotations.items()) CHECK(key.starts_with("prometheus.io/"));
}

TEST_CASE("a pod is restricted, limited, read-only, and named by digests") {
  for (const char* yaml :
       {"{}", "serving: {gpu: {}}",
        "serving: {mount: {init: 'a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000'}}"}) {
    CAPTURE(yaml);
    const auto spec = pod(test::spec(yaml));
    CHECK(spec.at("automountServiceAccountToken") == false);
    CHECK(spec.at("securityContext").at("runAsNonRoot") == true);
    CHECK(spec.at("securityContext").at("seccompProfile").at("type") == "RuntimeDefault");
    auto containers = spec.at("containers");
    if (spec.contains("initContainers"))
      for (const auto& container : spec.at("initContainers")) containers.push_back(container);
    for (const auto& container : containers) {
      const auto& security = container.at("securityContext");
      CHECK(security.at("readOnlyRootFilesystem") == true);
      CHECK(security.at("allowPrivilegeEscalation") == false);
      CHECK(security.at("capabilities").at("drop") == Json::array({"ALL"}));
      CHECK(container.at("resources").at("limits").contains("memory"));
      CHECK(container.at("resources").at("limits") == container.at("resources").at("requests"));
      CHECK(container.at("image").get<std::string>().find("@sha256:") != std::string::npos);
    }
  }
}

TEST_CASE("the model is mounted as an image by its image digest, or pulled by its own") {
  const auto mounted = pod(test::spec());
  CHECK(mounted.at("volumes")[0].at("image").at("reference") ==
        "registry.example/models/fraud/credit-risk@sha256:" + [] {
          std::string s;
          for (int i = 0; i < 32; ++i) s += "22";
          return s;
        }());
  const auto pulled = pod(test::spec(
      "serving: {mount: {init: 'a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000'}}"));
  CHECK(pulled.at("volumes")[0].contains("emptyDir"));
  CHECK(pulled.at("initContainers")[0].at("args")[1] == "oci://registry.example/models/fraud/credit-risk@sha256:" + [] {
    std::string s;
    for (int i = 0; i < 32; ++i) s += "11";
    return s;
  }());
  CHECK(pulled.at("initContainers")[0].at("volumeMounts")[0].value("readOnly", false) == false);
  CHECK(pulled.at("containers")[0].at("volumeMounts")[0].at("readOnly") == true);
}

TEST_CASE("a GPU is asked for by nodes that have it") {
  struct Case {
    const char* what;
    std::string gpu;
    std::vector<std::vector<std::string>> terms;  // "label operator value"
  };
  const std::string memory = "nvidia.com/gpu.memory Gt ", major = "nvidia.com/gpu.compute.major ",
                    minor = "nvidia.com/gpu.compute.minor ";
  const std::string count = "nvidia.com/gpu.count Gt ";
  for (const auto& c : std::vector<Case>{
           {"any", "{}", {{count + "0"}}},
           {"memory in mebibytes, rounded up", "{count: 2, memory: 24001Mi}", {{count + "1", memory + "24000"}}},
           {"memory that is no whole mebibyte", "{memory: 1048577}", {{count + "0", memory + "1"}}},
           {"a whole major", "{arch: '>=9.0'}", {{count + "0", major + "Gt 8"}}},
           {"a minor: a later major, or this one",
            "{arch: '>=8.6'}",
            {{count + "0", major + "Gt 8"}, {count + "0", major + "In 8", minor + "Gt 5"}}},
       }) {
    CAPTURE(c.what);
    const auto spec = pod(test::spec("serving: {gpu: " + c.gpu + "}"));
    std::vector<std::vector<std::string>> terms;
    for (const auto& term : spec.at("affinity")
                                .at("nodeAffinity")
                                .at("requiredDuringSchedulingIgnoredDuringExecution")
                                .at("nodeSelectorTerms")) {
      terms.emplace_back();
      for (const auto& e : term.at("matchExpressions"))
        terms.back().push_back(e.at("key").get<std::string>() + " " + e.at("operator").get<std::string>() + " " +
                               e.at("values").at(0).get<std::string>());
    }
    CHECK(terms == c.terms);
    CHECK(spec.at("containers")[0].at("resources").at("limits").contains("nvidia.com/gpu"));
  }
}

TEST_CASE("with a GPU nothing is surged") {
  const auto strategy =
      test::find(test::objects(test::spec("serving: {gpu: {}}")), "Deployment").at("spec").at("strategy");
  CHECK(strategy.at("rollingUpdate").at("maxSurge") == 0);
}

TEST_CASE("secrets are referred to, never written") {
  const auto env = pod(test::spec("serving: {env: [{name: TOKEN, secret: {name: feature-store, key: token}}]}"))
                       .at("containers")[0]
                       .at("env");
  CHECK(env.back() ==
        Json::parse(R"({"name":"TOKEN","valueFrom":{"secretKeyRef":{"name":"feature-store","key":"token"}}})"));
}

TEST_CASE("what cannot be rendered is a usage error") {
  struct Case {
    const char* what;
    std::string part;
    std::function<void(Spec&)> edit;
  };
  for (const auto& c : std::vector<Case>{
           {"no pull", "where pods pull", [](Spec& s) { s.environment.pull.clear(); }},
           {"a name that begins with a digit", "name of a Service", [](Spec& s) { s.model.name = "2fast"; }},
           {"an unknown profile", "no runtime profile", [](Spec& s) { s.runtime.profile = "triton"; }},
           {"a variable that the runtime needs", "MLSERVER_HTTP_PORT",
            [](Spec& s) { s.serving.env.push_back({"MLSERVER_HTTP_PORT", "a", "b"}); }},
       }) {
    CAPTURE(c.what);
    auto spec = test::spec();
    c.edit(spec);
    const auto objects = model_objects(spec);
    REQUIRE(!objects);
    CHECK(objects.error().kind == Error::Kind::usage);
    CHECK(objects.error().message.find(c.part) != std::string::npos);
  }
}

TEST_CASE("a tenant has a restricted namespace, and its quota") {
  CHECK(names(tenant_objects(test::tenant("{name: fraud}"))) == std::vector<std::string>{"Namespace fraud"});
  const auto objects = tenant_objects(test::tenant("{name: fraud, namespace: f, quota: {pods: 5}}"));
  CHECK(names(objects) == std::vector<std::string>{"Namespace f", "ResourceQuota f/mlctl"});
  CHECK(objects[0].at("metadata").at("labels").at("pod-security.kubernetes.io/enforce") == "restricted");
}

TEST_CASE("golden objects") {
  const auto cpu = test::objects(test::spec("serving: {autoscale: {min: 2, max: 40, cpu: 60%}}", routed));
  for (const char* kind :
       {"Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget", "HTTPRoute", "ServiceAccount"})
    test::check_golden(std::string(kind) + ".yaml", to_yaml(test::find(cpu, kind)));
  test::check_golden("Service.yaml", to_yaml(test::find(cpu, "Service", "credit-risk")));
  const auto monitored = test::spec("{}",
                                    "{name: prod, pull: oci://registry.example/models, podMonitor: {labels: "
                                    "{release: kube-prometheus-stack}}}");
  test::check_golden("PodMonitor.yaml", to_yaml(test::find(test::objects(monitored), "PodMonitor")));
  const auto gpu = pod(test::spec("serving: {gpu: {count: 1, memory: 24Gi, arch: '>=8.6'}}"));
  test::check_golden("gpu-affinity.yaml", to_yaml(gpu.at("affinity")));
}
