#include "tests/deploy/rollout/stage.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "base/terminal.h"
#include "deploy/cluster/apply.h"
#include "tests/deploy/support.h"

namespace mlctl::deploy::test {

const char* const quick_rollout = R"(
serving: {autoscale: {min: 2, max: 2}}
rollout:
  steps: [{weight: 20%, for: 4s}, {weight: 50%, for: 4s}, {weight: 100%}]
  judge: {block: 4s, errors: {floor: 2%}}
  look_around: 4s
  drain: {timeout: 1s}
)";

Desired assigned(const std::vector<std::string>& models, std::uint64_t n, const std::string& yaml, bool monitored) {
  Desired out{"staging", {}, {}};
  std::vector<Candidate> candidates;
  for (const auto& name : models) {
    candidates.push_back(candidate(yaml));
    candidates.back().model.name = name;
    candidates.back().assignment = static_cast<std::int64_t>(n);
    candidates.back().digest.bytes.fill(static_cast<std::uint8_t>(n));
    out.models.push_back({{"fraud", name}, n});
  }
  auto where = environment();
  where.route = Route{"infra", "public", "models.example"};
  if (monitored) where.pod_monitor = PodMonitor{};
  const std::vector<Tenant> tenants{tenant("{name: fraud}")};
  const std::map<std::string, Runtime> runtimes{{"mlserver", runtime()}};
  auto files = plan_files(candidates, {where, tenants, runtimes});
  REQUIRE(files);
  out.files = std::move(*files);
  return out;
}

// A PodMonitor is switched on with the second version.
Stage::Stage(std::vector<std::string> names, const std::string& yaml)
    : models(std::move(names)), second(assigned(models, 2, yaml, true)) {
  cluster.makes_pods = true;
  cluster.pages = [this](const std::string& pod) { return page(pod); };
  const auto first = assigned(models, 1, yaml);
  auto before = plan_cluster(cluster, discovery, {first, false, "2026-01-01T00:00:00Z", "ada"});
  REQUIRE(before);
  const ClusterApplyOptions options{.run = "ada"};
  REQUIRE(apply_cluster(first, *before, {cluster, discovery, options, clock, no_progress()}));
  clock.advance(std::chrono::minutes(10));
  auto next = plan_cluster(cluster, discovery, {second, false, rfc3339(clock.wall()), "ada"});
  REQUIRE(next);
  plan = std::move(*next);
}

RolloutPlace Stage::place(std::size_t model) const {
  return {{"fraud", models[model]}, "fraud", "staging"};
}

const OwnerPlan& Stage::owner(std::size_t model) const {
  const auto found = std::find_if(plan.owners.begin(), plan.owners.end(), [&](const auto& one) {
    return one.rollout == OwnerPlan::Rollout::begins && one.before.model.name == models[model];
  });
  REQUIRE(found != plan.owners.end());
  return *found;
}

ModelState Stage::state(std::size_t model) {
  auto state = parse_state(cluster.objects.at("/api/v1/namespaces/fraud/configmaps/mlctl-" + models[model]));
  REQUIRE(state);
  return *state;
}

void Stage::begin(const std::vector<std::string>& recorded) {
  for (std::size_t i = 0; i < models.size(); ++i) {
    auto made = forecast(seams(), owner(i), "ada", recorded);
    REQUIRE(made);
    REQUIRE(begin_rollout(seams(), owner(i), made->state, made->replay));
  }
}

Result<ModelState> Stage::drive_to_the_end(const std::string& who, bool force) {
  Driver driver(seams(), place(), who);
  if (auto taken = driver.take(force); !taken) return taken.error();
  return drive(driver, place(), clock, no_progress());
}

void Stage::tick_until(Driver& driver, Phase phase) {
  for (int i = 0; i < 100 && state().rollout->phase != phase; ++i) {
    REQUIRE(driver.tick());
    clock.advance(std::chrono::seconds(1));
  }
  REQUIRE(state().rollout->phase == phase);
}

std::set<std::string> Stage::objects() const {
  std::set<std::string> out;
  for (const auto& [path, object] : cluster.objects) out.insert(path);
  return out;
}

const std::string& Stage::model_of(const std::string& pod) const {
  const auto found =
      std::find_if(models.begin(), models.end(), [&](const auto& one) { return pod.starts_with(one + "-"); });
  REQUIRE(found != models.end());
  return *found;
}

// Five hundred requests between two looks, shared as the route says.
std::string Stage::page(const std::string& pod) {
  const auto& name = model_of(pod);
  const auto found = cluster.objects.find("/apis/gateway.networking.k8s.io/v1/namespaces/fraud/httproutes/" + name);
  std::string stable = pod;
  if (found != cluster.objects.end()) {  // else nothing leads here
    const auto& references = found->second["spec"]["rules"][0]["backendRefs"];
    double all = 0, mine = 0;
    for (const auto& one : references) {
      all += one["weight"].get<double>();
      if (pod.starts_with(one["name"].get<std::string>())) mine += one["weight"].get<double>();
    }
    counted[pod] += 250 * mine / all;
    stable = references[0]["name"].get<std::string>();
  }
  const bool fails = name == failing && !pod.starts_with(stable);
  return "rest_server_requests_total{path=\"/v2/models/x/infer\",status_code=\"" + std::string(fails ? "500" : "200") +
         "\"} " + std::to_string(static_cast<int>(counted[pod])) + "\n";
}

}  // namespace mlctl::deploy::test
