#include "deploy/rollout/drive.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/terminal.h"
#include "deploy/cluster/apply.h"
#include "deploy/rollout/start.h"
#include "tests/deploy/cluster/memory_cluster.h"
#include "tests/deploy/support.h"

using namespace mlctl;
using namespace mlctl::deploy;
using Json = nlohmann::ordered_json;

namespace {

constexpr const char* quick = R"(
serving: {autoscale: {min: 2, max: 2}}
rollout:
  steps: [{weight: 20%, for: 4s}, {weight: 50%, for: 4s}, {weight: 100%}]
  judge: {block: 4s, errors: {floor: 2%}}
  look_around: 4s
  drain: {timeout: 1s}
)";
const std::vector<std::string> names{"churn", "credit-risk"};

Desired desired(std::uint64_t n) {
  Desired out{"staging", {}, {}};
  std::vector<Candidate> candidates;
  for (const auto& name : names) {
    candidates.push_back(test::candidate(quick));
    candidates.back().model.name = name;
    candidates.back().assignment = static_cast<std::int64_t>(n);
    candidates.back().digest.bytes.fill(static_cast<std::uint8_t>(n));
    out.models.push_back({{"fraud", name}, n});
  }
  auto environment = test::environment();
  environment.route = Route{"infra", "public", "models.example"};
  const std::vector<Tenant> tenants{test::tenant("{name: fraud}")};
  const std::map<std::string, Runtime> runtimes{{"mlserver", test::runtime()}};
  auto files = plan_files(candidates, {environment, tenants, runtimes});
  REQUIRE(files);
  out.files = std::move(*files);
  return out;
}

// Assignment 1 of both models serves, and the rollouts of 2 have begun. Pods count by what the routes say.
struct Stage {
  test::MemoryCluster cluster;
  ManualClock clock;
  Discovery discovery{cluster, clock, {}, "test"};
  std::map<std::string, double> counted;
  std::string failing;  // the canary of this model answers 500

  Stage() {
    cluster.makes_pods = true;
    cluster.pages = [this](const std::string& pod) { return page(pod); };
    const auto first = desired(1);
    auto plan = plan_cluster(cluster, discovery, {first, false, "2026-01-01T00:00:00Z", "ada"});
    REQUIRE(plan);
    const ClusterApplyOptions options{.run = "ada"};
    REQUIRE(apply_cluster(first, *plan, {cluster, discovery, options, clock, no_progress()}));
    clock.advance(std::chrono::minutes(10));
    const auto second = desired(2);
    auto next = plan_cluster(cluster, discovery, {second, false, rfc3339(clock.wall()), "ada"});
    REQUIRE(next);
    for (const auto& owner : next->owners) {
      if (owner.rollout != OwnerPlan::Rollout::begins) continue;
      auto begun = forecast(seams(), owner, "ada");
      REQUIRE(begun);
      REQUIRE(begin_rollout(seams(), owner, begun->state));
    }
  }

  RolloutSeams seams() { return {cluster, discovery, clock, {}, {}}; }

  std::string page(const std::string& pod) {
    const auto name = pod.starts_with(names[0] + "-") ? names[0] : names[1];
    const auto& route = cluster.objects.at("/apis/gateway.networking.k8s.io/v1/namespaces/fraud/httproutes/" + name);
    double all = 0, mine = 0;
    for (const auto& one : route["spec"]["rules"][0]["backendRefs"]) {
      all += one["weight"].get<double>();
      if (pod.starts_with(one["name"].get<std::string>())) mine += one["weight"].get<double>();
    }
    counted[pod] += 250 * mine / all;
    const auto stable = route["spec"]["rules"][0]["backendRefs"][0]["name"].get<std::string>();
    const bool fails = name == failing && !pod.starts_with(stable);
    return "rest_server_requests_total{path=\"/v2/models/x/infer\",status_code=\"" +
           std::string(fails ? "500" : "200") + "\"} " + std::to_string(static_cast<int>(counted[pod])) + "\n";
  }

  std::vector<Result<ModelState>> drive_both() {
    std::vector<Driver> drivers;
    std::vector<RolloutPlace> places;
    for (const auto& name : names) places.push_back({{"fraud", name}, "fraud", "staging"});
    for (const auto& place : places) drivers.emplace_back(seams(), place, "ada");
    std::vector<Driven> driven;
    for (std::size_t i = 0; i < drivers.size(); ++i) {
      REQUIRE(drivers[i].take(false));
      driven.push_back({places[i], &drivers[i]});
    }
    return drive_all(driven, clock, no_progress());
  }
};

// How often a write of one model's state follows one of the other's.
std::size_t turns(const std::vector<std::string>& writes) {
  std::vector<std::string> states;
  for (const auto& line : writes)
    if (line.starts_with("PUT state of ")) states.push_back(line);
  std::size_t n = 0;
  for (std::size_t i = 1; i < states.size(); ++i) n += states[i] != states[i - 1] ? 1 : 0;
  return n;
}

}  // namespace

TEST_CASE("several rollouts are driven side by side, each to its own end") {
  struct Case {
    const char* what;
    std::string failing;
    std::vector<Phase> ends;
  };
  for (const auto& c : std::vector<Case>{{"both are fine", "", {Phase::promoted, Phase::promoted}},
                                         {"the first one fails", "churn", {Phase::failed, Phase::promoted}},
                                         {"the second one fails", "credit-risk", {Phase::promoted, Phase::failed}}}) {
    CAPTURE(c.what);
    Stage stage;
    stage.failing = c.failing;
    stage.cluster.writes.clear();
    const auto ends = stage.drive_both();
    REQUIRE(ends.size() == 2);
    for (std::size_t i = 0; i < ends.size(); ++i) {
      REQUIRE_MESSAGE(ends[i], ends[i].error().message);
      CHECK(to_string(ends[i]->rollout->phase) == std::string(to_string(c.ends[i])));
      CHECK(ends[i]->model.name == names[i]);
    }
    CHECK(turns(stage.cluster.writes) > 10);
  }
}

TEST_CASE("a rollout that somebody else takes over does not end the others") {
  Stage stage;
  bool taken = false;
  stage.cluster.before = [&](const ApiRequest& request) {
    if (taken || request.method != "PUT" || request.about != "state of fraud/churn") return;
    if (std::count(stage.cluster.writes.begin(), stage.cluster.writes.end(), "PUT state of fraud/churn") < 8) return;
    taken = true;
    Driver other(stage.seams(), {{"fraud", "churn"}, "fraud", "staging"}, "other");
    REQUIRE(other.take(true));
  };
  const auto ends = stage.drive_both();
  REQUIRE(taken);
  REQUIRE_FALSE(ends[0]);
  CHECK(ends[0].error().message == "the rollout of fraud/churn was taken over by other");
  REQUIRE(ends[1]);
  CHECK(ends[1]->rollout->phase == Phase::promoted);
}
