#include "deploy/cluster/status.h"

#include <doctest/doctest.h>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "deploy/cluster/apply.h"
#include "tests/deploy/cluster/memory_cluster.h"
#include "tests/deploy/support.h"

using namespace mlctl;
using namespace mlctl::deploy;
using Json = nlohmann::ordered_json;

namespace {

const registry::ModelName model{"fraud", "credit-risk"};
constexpr const char* route_at = "/apis/gateway.networking.k8s.io/v1/namespaces/fraud/httproutes/credit-risk";
constexpr const char* service_at = "/api/v1/namespaces/fraud/services/credit-risk";

Desired desired() {
  auto candidate = test::candidate("{rollout: {strategy: replace}}");
  candidate.assignment = 1;
  const auto environment = test::environment(
      "{name: staging, pull: oci://registry.example/models, route: {gateway: infra/public, host: m.example}}");
  const std::vector<Tenant> tenants{test::tenant("{name: fraud}")};
  const std::map<std::string, Runtime> runtimes{{"mlserver", test::runtime()}};
  auto files = plan_files({candidate}, {environment, tenants, runtimes});
  REQUIRE(files);
  return {"staging", {{model, 1, "fraud"}}, std::move(*files)};
}

void each_deployment(test::MemoryCluster& cluster, const std::function<void(Json&)>& how) {
  for (auto& [path, object] : cluster.objects)
    if (object["kind"] == "Deployment") how(object);
}

}  // namespace

TEST_CASE("a model does not work where somebody took a part of it away or led it elsewhere, however ready its pods") {
  struct Case {
    const char* what;
    std::function<void(test::MemoryCluster&)> damage;
    const char* reason;
  };
  for (const auto& c : std::vector<Case>{
           {"nothing", [](auto&) {}, ""},
           {"its Service", [](auto& cluster) { cluster.objects.erase(service_at); }, "Service/credit-risk is gone"},
           {"its disruption budget",
            [](auto& cluster) {
              std::erase_if(cluster.objects,
                            [](const auto& one) { return one.second["kind"] == "PodDisruptionBudget"; });
            },
            "PodDisruptionBudget.policy/credit-risk-"},
           {"other pods",
            [](auto& cluster) { cluster.objects[service_at]["spec"]["selector"][revision_label] = "other"; },
            "Service credit-risk leads to other pods"},
           {"its gateway",
            [](auto& cluster) {
              cluster.objects[route_at]["status"]["parents"][0]["conditions"] =
                  Json::array({{{"type", "Accepted"},
                                {"status", "False"},
                                {"reason", "NotAllowedByListeners"},
                                {"message", "no"},
                                {"observedGeneration", 99}}});
            },
            "its gateway says: Accepted: NotAllowedByListeners: no"},
           {"another image",
            [](auto& cluster) {
              each_deployment(cluster, [](Json& one) {
                one["spec"]["template"]["spec"]["containers"][0]["image"] = "evil.example/x:1";
              });
            },
            "its pods run another image than the one that was applied"},
           {"no containers that can be read",
            [](auto& cluster) { each_deployment(cluster, [](Json& one) { one["spec"]["template"] = "nonsense"; }); },
            "its pods run another image than the one that was applied"},
           {"its Deployment",
            [](auto& cluster) {
              std::erase_if(cluster.objects, [](const auto& one) { return one.second["kind"] == "Deployment"; });
            },
            "its Deployment is gone"},
           {"its state",
            [](auto& cluster) { cluster.objects.erase("/api/v1/namespaces/fraud/configmaps/mlctl-credit-risk"); },
            "it serves, and its ConfigMap mlctl-credit-risk is gone"}}) {
    INFO(std::string(c.what));
    test::MemoryCluster cluster;
    ManualClock clock;
    Discovery discovery{cluster, clock, {}, "test"};
    const auto what = desired();
    auto plan = plan_cluster(cluster, discovery, {what, false, "2026-01-01T00:00:00Z", "ada"});
    REQUIRE(plan);
    const ClusterApplyOptions options{.run = "ada"};
    REQUIRE(apply_cluster(what, *plan, {cluster, discovery, options, clock, no_progress()}));
    c.damage(cluster);
    const auto all = read_status(cluster, discovery, what);
    REQUIRE(all);
    REQUIRE(all->size() == 1);
    CHECK(all->front().reason.starts_with(c.reason));
    CHECK(all->front().is_fine() == (*c.reason == '\0'));
  }
}
