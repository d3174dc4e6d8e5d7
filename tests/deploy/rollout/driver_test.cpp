#include "deploy/rollout/driver.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/terminal.h"
#include "deploy/cluster/apply.h"
#include "deploy/rollout/ask.h"
#include "deploy/rollout/display.h"
#include "deploy/rollout/drive.h"
#include "deploy/rollout/start.h"
#include "tests/deploy/cluster/memory_cluster.h"
#include "tests/deploy/support.h"

using namespace mlctl;
using namespace mlctl::deploy;
using Json = nlohmann::ordered_json;

namespace {

constexpr const char* route_at = "/apis/gateway.networking.k8s.io/v1/namespaces/fraud/httproutes/credit-risk";
constexpr const char* quick = R"(
serving: {autoscale: {min: 2, max: 2}}
rollout:
  steps: [{weight: 20%, for: 4s}, {weight: 50%, for: 4s}, {weight: 100%}]
  judge: {block: 4s, errors: {floor: 2%}}
  look_around: 4s
  drain: {timeout: 1s}
)";

const RolloutPlace place{{"fraud", "credit-risk"}, "fraud", "staging"};

Desired desired(std::uint64_t n) {
  Desired out{"staging", {{place.model, n}}, {}};
  auto candidate = test::candidate(quick);
  candidate.assignment = static_cast<std::int64_t>(n);
  candidate.digest.bytes.fill(static_cast<std::uint8_t>(n));
  auto environment = test::environment();
  environment.route = Route{"infra", "public", "models.example"};
  if (n > 1) environment.pod_monitor = PodMonitor{};  // switched on with the second version
  const std::vector<Tenant> tenants{test::tenant("{name: fraud}")};
  const std::map<std::string, Runtime> runtimes{{"mlserver", test::runtime()}};
  auto files = plan_files({candidate}, {environment, tenants, runtimes});
  REQUIRE(files);
  out.files = std::move(*files);
  return out;
}

// A cluster in memory in which assignment 1 serves and 2 is about to begin; pods count by what the route says.
struct Stage {
  test::MemoryCluster cluster;
  ManualClock clock;
  Discovery discovery{cluster, clock, {}, "test"};
  std::map<std::string, double> counted;

  explicit Stage(const std::function<void(Stage&, const OwnerPlan&)>& with = {}) {
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
      auto plan_of_it = forecast(seams(), owner, "ada");
      REQUIRE(plan_of_it);
      if (with) with(*this, owner);
      REQUIRE(begin_rollout(seams(), owner, plan_of_it->state));
    }
  }

  RolloutSeams seams() { return {cluster, discovery, clock, {}, {}}; }

  // Five hundred requests between two looks, shared as the route says.
  std::string page(const std::string& pod) {
    const auto references = cluster.objects.at(route_at)["spec"]["rules"][0]["backendRefs"];
    double all = 0, mine = 0;
    for (const auto& one : references) {
      all += one["weight"].get<double>();
      if (pod.starts_with(one["name"].get<std::string>())) mine += one["weight"].get<double>();
    }
    counted[pod] += 250 * mine / all;
    return "rest_server_requests_total{path=\"/v2/models/x/infer\",status_code=\"200\"} " +
           std::to_string(static_cast<int>(counted[pod])) + "\n";
  }

  ModelState state() {
    auto state = parse_state(cluster.objects.at("/api/v1/namespaces/fraud/configmaps/mlctl-credit-risk"));
    REQUIRE(state);
    return *state;
  }

  // Who is in the cluster at the end, without versions.
  std::set<std::string> objects() {
    std::set<std::string> out;
    for (const auto& [path, object] : cluster.objects) out.insert(path);
    return out;
  }
};

Result<ModelState> drive_to_the_end(Stage& stage, const std::string& who, bool force) {
  Driver driver(stage.seams(), place, who);
  if (auto taken = driver.take(force); !taken) return taken.error();
  return drive(driver, place, stage.clock, no_progress());
}

}  // namespace

// Both pods of stable over two hours: 600 requests a minute, one error in each, of which Prometheus tells `every` n-th.
std::string history_page(Stage& stage, int every) {
  const auto stable = "credit-risk-" + stage.state().stable->revision;
  const auto now = static_cast<double>(stage.clock.wall().time_since_epoch().count());
  Json result = Json::array();
  for (const char* pod : {"-a", "-b"})
    for (const char* code : {"200", "500"}) {
      Json values = Json::array();
      for (int i = 0; i <= 120; i += every)
        values.push_back({now - 4.0 * (120 - i), std::to_string(*code == '2' ? 600 * i : i)});
      result.push_back({{"metric",
                         {{"__name__", "rest_server_requests_total"},
                          {"pod", stable + pod},
                          {"path", "/v2/models/x/infer"},
                          {"status_code", code}}},
                        {"values", values}});
    }
  return Json{{"status", "success"}, {"data", {{"resultType", "matrix"}, {"result", result}}}}.dump();
}

TEST_CASE("how much the stable pods differ is known from Prometheus before the canary has traffic") {
  struct Case {
    const char* what;
    std::function<Result<std::string>(Stage&)> range;
    std::size_t blocks;  // that the judge begins with
    const char* note;
  };
  const Error away{Error::Kind::unavailable, "connection refused", ""};
  for (const auto& c : std::vector<Case>{
           {"every block", [](Stage& stage) { return history_page(stage, 1); }, 120, ""},
           {"scraped too seldom: no two points follow each other", [](Stage& stage) { return history_page(stage, 2); },
            0, "not known from before"},
           {"Prometheus is away", [&](Stage&) { return Result<std::string>(away); }, 0,
            "not known from before: connection refused"},
           {"nonsense", [](Stage&) { return std::string("[]"); }, 0, "not known from before: what Prometheus"},
       }) {
    INFO(std::string(c.what));
    Stage stage([&](Stage& here, const OwnerPlan& owner) {
      auto seams = here.seams();
      seams.prometheus = PrometheusConfig{.url = "http://prometheus.example:9090"};
      seams.fetch = [&](const std::string& url) -> Result<std::string> {
        if (url.starts_with("http://prometheus.example:9090/api/v1/query_range?")) return c.range(here);
        return Json{{"status", "success"}, {"data", {{"resultType", "vector"}, {"result", Json::array()}}}}.dump();
      };
      const auto made = forecast(seams, owner, "ada");
      REQUIRE(made);
      CHECK(Json::parse(made->state.judge)["metrics"][0]["spreadBlocks"] == c.blocks);
      std::string notes;
      for (const auto& note : made->notes) notes += note + "\n";
      CHECK((notes.find("not known from before") != std::string::npos) == (c.blocks == 0));
      CHECK(notes.find(c.note) != std::string::npos);
      CHECK(notes.find("Prometheus shows nothing of the pods; pods are asked themselves") != std::string::npos);
    });
  }
}

TEST_CASE("over a stable version that cannot be measured no rollout begins, and nothing is made") {
  struct Case {
    const char *what, *page, *message;
  };
  for (const auto& c :
       {Case{"it has answered nothing yet", "", "no pod of v1.2.3 shows rest_server_requests_total"},
        Case{"it counts something else", "up 1\n", "no pod of v1.2.3 shows rest_server_requests_total"},
        Case{"no page of counters", "rest_server_requests_total{ 1\n", "what stable counts cannot be read"}}) {
    CAPTURE(c.what);
    Stage stage([&](Stage& here, const OwnerPlan& owner) {
      const auto pages = std::exchange(here.cluster.pages, [&](const std::string&) { return std::string(c.page); });
      here.cluster.writes.clear();
      const auto made = forecast(here.seams(), owner, "ada");
      REQUIRE_FALSE(made);
      CHECK(made.error().message.find(c.message) != std::string::npos);
      CHECK(here.cluster.writes.empty());
      here.cluster.pages = pages;
    });
  }
}

TEST_CASE("a rollout in memory is promoted, and leaves one revision and two records") {
  Stage stage;
  const auto end = drive_to_the_end(stage, "ada", false);
  REQUIRE(end);
  CHECK(end->rollout->phase == Phase::promoted);
  CHECK(end->stable->assignment == 2);
  int deployments = 0;
  for (const auto& path : stage.objects()) deployments += path.find("/deployments/") != std::string::npos ? 1 : 0;
  CHECK(deployments == 1);
  CHECK(stage.objects().count("/apis/monitoring.coreos.com/v1/namespaces/fraud/podmonitors/credit-risk-" +
                              end->stable->revision) == 1);
  Discovery discovery(stage.cluster, stage.clock, {}, "test");
  const auto same = desired(2);
  auto plan = plan_cluster(stage.cluster, discovery, {same, false, rfc3339(stage.clock.wall()), "ada"});
  REQUIRE(plan);
  CHECK(change_set(*plan).empty());
}

TEST_CASE("a driver that dies behind any of its writes is continued to the same end") {
  Stage whole;
  whole.cluster.writes.clear();
  REQUIRE(drive_to_the_end(whole, "ada", false));
  const auto writes = whole.cluster.writes.size();
  REQUIRE(writes > 20);
  for (std::size_t dies = 1; dies < writes; ++dies) {
    CAPTURE(dies);
    Stage stage;
    stage.cluster.writes.clear();
    bool dead = false;
    stage.cluster.after = [&](const ApiRequest&, ApiAnswer answer) -> Result<ApiAnswer> {
      dead = dead || stage.cluster.writes.size() >= dies;
      if (dead) return Error{Error::Kind::interrupted, "killed", ""};
      return answer;
    };
    CHECK_FALSE(drive_to_the_end(stage, "first", false));
    stage.cluster.after = nullptr;
    auto end = drive_to_the_end(stage, "second", true);
    REQUIRE(end);
    CHECK(end->rollout->phase == Phase::promoted);
    CHECK(stage.objects() == whole.objects());
  }
}

TEST_CASE("a driver that froze before any of its writes, and wakes after an abort, drives only what is left of it") {
  for (std::size_t freezes = 2; freezes < 12; ++freezes) {
    CAPTURE(freezes);
    Stage stage;
    std::size_t seen = 0;
    bool other_is_done = false;
    stage.cluster.before = [&](const ApiRequest& request) {
      if (request.method == "GET" || other_is_done || ++seen != freezes) return;
      // While it sleeps somebody else takes over and aborts.
      other_is_done = true;
      Driver other(stage.seams(), place, "other");
      auto aborted = other.ask([](RolloutState& rollout, WallTime now) -> Status {
        ask_abort(rollout, "other", "enough", now);
        return ok();
      });
      REQUIRE(aborted);
    };
    const auto end = drive_to_the_end(stage, "first", false);
    // Before it has taken the rollout there is nothing that it could go on with.
    if (!end) CHECK(end.error().kind == Error::Kind::conflict);
    if (end) CHECK(end->rollout->phase == Phase::failed);
    CHECK((freezes == 2 || end));
    const auto state = stage.state();
    CHECK(state.rollout->has_lost());
    CHECK(state.rollout->reason == "by other: enough");
    const auto references = stage.cluster.objects.at(route_at)["spec"]["rules"][0]["backendRefs"];
    REQUIRE(references.size() == 1);
    CHECK(references[0]["name"] == "credit-risk-" + state.rollout->baseline.revision);
  }
}

TEST_CASE("what people ask for from elsewhere ends the driver with what it led to") {
  struct Case {
    const char* what;
    std::function<void(Stage&)> ask;
    Phase phase;  // at the driver's end
    int code;     // of the command
  };
  const auto asked = [](auto how) {
    return [how](Stage& stage) {
      Driver other(stage.seams(), place, "other");
      REQUIRE(other.ask([&](RolloutState& rollout, WallTime now) -> Status {
        how(rollout, now);
        return ok();
      }));
    };
  };
  const auto abort = [](RolloutState& rollout, WallTime now) { ask_abort(rollout, "other", "enough", now); };
  const auto pause = [](RolloutState& rollout, WallTime now) { ask_pause(rollout, "other", "lunch", now); };
  const auto resume = [](RolloutState& rollout, WallTime now) { ask_resume(rollout, "other", now); };
  for (const auto& c : std::vector<Case>{
           {"a pause is an end", asked(pause), Phase::measuring, 5},
           {"an abort is driven on: the canary goes after the look-around", asked(abort), Phase::failed, 1},
           {"an abort that somebody drives is left to them",
            [](Stage& stage) {
              Driver other(stage.seams(), place, "other");
              REQUIRE(other.ask([](RolloutState& rollout, WallTime now) -> Status {
                ask_abort(rollout, "other", "enough", now);
                return ok();
              }));
              REQUIRE(other.take(true));
            },
            Phase::aborting, 1},
           {"a resume is somebody else's to go on with", asked(resume), Phase::measuring, 0}}) {
    INFO(std::string(c.what));
    Stage stage;
    bool done = false;
    stage.cluster.before = [&](const ApiRequest& request) {
      if (done || request.method != "PUT" || stage.state().rollout->phase != Phase::measuring) return;
      done = true;
      c.ask(stage);
    };
    const auto end = drive_to_the_end(stage, "first", false);
    REQUIRE(done);
    REQUIRE(static_cast<bool>(end) == (c.code != 0));
    if (!end) CHECK(end.error().kind == Error::Kind::conflict);
    if (!end) continue;
    CHECK(std::string(to_string(end->rollout->phase)) == to_string(c.phase));
    CHECK(rollout_code(*end->rollout, stage.clock.wall()) == c.code);
    CHECK((stage.objects().count("/apis/apps/v1/namespaces/fraud/deployments/credit-risk-" +
                                 end->rollout->candidate.revision) == 0) == (c.phase == Phase::failed));
  }
}

TEST_CASE("a rollout that is to end ends, also where the gateway does not confirm it, and says what is not proven") {
  struct Case {
    const char* what;
    bool confirms, writes;
    const char* unproven;
  };
  for (const auto& c : {Case{"the gateway confirms", true, true, ""},
                        Case{"it never does", false, true, "the gateway does not say whether it follows"},
                        Case{"the route cannot be written", true, false, nullptr}}) {
    INFO(std::string(c.what));
    Stage stage;
    Driver driver(stage.seams(), place, "ada");
    REQUIRE(driver.take(false));
    while (stage.state().rollout->phase != Phase::measuring) {
      REQUIRE(driver.tick());
      stage.clock.advance(std::chrono::seconds(1));
    }
    stage.cluster.gateway_follows = c.confirms;
    const Json route = stage.cluster.objects.at(route_at);
    if (!c.writes)
      stage.cluster.after = [&](const ApiRequest&, ApiAnswer answer) -> Result<ApiAnswer> {
        stage.cluster.objects[route_at] = route;  // somebody puts it back at once
        return answer;
      };
    const auto ended = end_rollout(driver, "ada", "enough", stage.clock);
    REQUIRE(static_cast<bool>(ended) == (c.unproven != nullptr));
    if (!ended) CHECK(exit_code(ended.error().kind) == 3);
    if (ended && *c.unproven == '\0') CHECK(*ended == "");
    if (ended) CHECK(ended->find(c.unproven) != std::string::npos);
  }
}

TEST_CASE("a driver whose credentials are gone ends at once; where it was stays, and another one promotes") {
  Stage stage;
  std::size_t looks = 0;
  stage.cluster.after = [&](const ApiRequest&, ApiAnswer answer) -> Result<ApiAnswer> {
    if (stage.state().rollout->phase == Phase::measuring) ++looks;
    if (looks > 3) return Error{Error::Kind::credentials, "context test: login gave no credentials: exit code 1", ""};
    return answer;
  };
  const auto before = stage.clock.wall();
  const auto end = drive_to_the_end(stage, "first", false);
  REQUIRE_FALSE(end);
  CHECK(exit_code(end.error().kind) == 4);
  CHECK(stage.clock.wall() - before < std::chrono::minutes(1));  // nobody is asked again and again
  CHECK(stage.state().rollout->phase == Phase::measuring);
  const auto weight = stage.state().rollout->weight;
  CHECK(weight == 0.2);
  stage.cluster.after = nullptr;
  CHECK_FALSE(drive_to_the_end(stage, "second", false));  // the first was seen a moment ago
  stage.clock.advance(driver_silence);
  CHECK(stage.state().rollout->weight == weight);
  const auto second = drive_to_the_end(stage, "second", false);
  REQUIRE(second);
  CHECK(second->rollout->phase == Phase::promoted);
}

TEST_CASE("a cluster that cannot be reached is waited for, and not for ever") {
  struct Case {
    const char* what;
    std::chrono::minutes away;
    bool promoted;
  };
  for (const auto& c :
       {Case{"five minutes", std::chrono::minutes(5), true}, Case{"an hour", std::chrono::minutes(60), false}}) {
    CAPTURE(c.what);
    Stage stage;
    std::optional<WallTime> back;
    stage.cluster.after = [&](const ApiRequest&, ApiAnswer answer) -> Result<ApiAnswer> {
      if (!back && stage.state().rollout->phase == Phase::measuring) back = stage.clock.wall() + c.away;
      if (back && stage.clock.wall() < *back) return Error{Error::Kind::unavailable, "connection refused", ""};
      return answer;
    };
    const auto end = drive_to_the_end(stage, "ada", false);
    REQUIRE(static_cast<bool>(end) == c.promoted);
    if (c.promoted) CHECK(end->rollout->phase == Phase::promoted);
    if (!c.promoted) CHECK(exit_code(end.error().kind) == 3);
  }
}

TEST_CASE("a canary whose pods the quota refuses is told from one that is slow to start") {
  Stage stage;
  Driver driver(stage.seams(), place, "ada");
  REQUIRE(driver.take(false));
  stage.cluster.makes_pods = stage.cluster.pods_get_ready = false;
  REQUIRE(driver.tick());
  const auto name = "credit-risk-" + stage.state().rollout->candidate.revision;
  stage.cluster.change("/apis/apps/v1/namespaces/fraud/deployments/" + name, [](Json& object) {
    object["status"]["conditions"] = Json::array({{{"type", "ReplicaFailure"},
                                                   {"status", "True"},
                                                   {"message", "pods \"x\" is forbidden: exceeded quota: mlctl"}}});
  });
  stage.clock.advance(std::chrono::minutes(11));
  const auto end = driver.tick();
  REQUIRE(end);
  CHECK(end->rollout->has_lost());
  CHECK(end->rollout->reason.find("exceeded quota: mlctl") != std::string::npos);
}

TEST_CASE("a PodMonitor comes and goes with its revision, and is made once") {
  constexpr const char* monitors = "/apis/monitoring.coreos.com/v1/namespaces/fraud/podmonitors/credit-risk-";
  Stage stage;
  const auto canary = monitors + stage.state().rollout->candidate.revision;
  CHECK(stage.objects().count(canary) == 0);
  Driver driver(stage.seams(), place, "ada");
  REQUIRE(driver.take(false));
  stage.cluster.writes.clear();
  for (int i = 0; i < 3; ++i) REQUIRE(driver.tick());
  CHECK(stage.objects().count(canary) == 1);
  const auto& writes = stage.cluster.writes;
  CHECK(std::count_if(writes.begin(), writes.end(),
                      [](const auto& one) { return one.find("PodMonitor") != std::string::npos; }) == 1);
  REQUIRE(end_rollout(driver, "ada", "enough", stage.clock));
  stage.clock.advance(std::chrono::minutes(1));
  REQUIRE(drive(driver, place, stage.clock, no_progress()));
  CHECK(stage.objects().count(canary) == 0);
}

TEST_CASE("somebody who drives is not disturbed unless that is asked for") {
  Stage stage;
  Driver first(stage.seams(), place, "first"), second(stage.seams(), place, "second"),
      cron(stage.seams(), place, tick_name("cron"));
  REQUIRE(first.take(false));
  const auto refused = second.take(false);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("being rolled out by first") != std::string::npos);
  CHECK_FALSE(cron.take(false));
  stage.clock.advance(std::chrono::seconds(61));  // silent for a minute
  REQUIRE(cron.take(false));
  REQUIRE(cron.tick());
  CHECK(is_driven(*stage.state().rollout, stage.clock.wall()));
  REQUIRE(second.take(false));  // a tick is over when it is seen
  const auto late = first.tick();
  REQUIRE_FALSE(late);
  CHECK(late.error().message.find("was taken over by second") != std::string::npos);
}
