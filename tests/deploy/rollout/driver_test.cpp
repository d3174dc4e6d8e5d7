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
#include "tests/deploy/rollout/stage.h"

using namespace mlctl;
using namespace mlctl::deploy;
using namespace mlctl::deploy::test;
using Json = nlohmann::ordered_json;

TEST_CASE("a rollout in memory is promoted, and leaves one revision and two records") {
  Stage stage;
  stage.begin();
  const auto end = stage.drive_to_the_end("ada");
  REQUIRE(end);
  CHECK(end->rollout->phase == Phase::promoted);
  CHECK(end->stable->assignment == 2);
  int deployments = 0;
  for (const auto& path : stage.objects()) deployments += path.find("/deployments/") != std::string::npos ? 1 : 0;
  CHECK(deployments == 1);
  CHECK(stage.objects().count("/apis/monitoring.coreos.com/v1/namespaces/fraud/podmonitors/credit-risk-" +
                              end->stable->revision) == 1);
  Discovery discovery(stage.cluster, stage.clock, {}, "test");
  const auto same = assigned(stage.models, 2, quick_rollout, true);
  auto plan = plan_cluster(stage.cluster, discovery, {same, false, rfc3339(stage.clock.wall()), "ada"});
  REQUIRE(plan);
  CHECK(change_set(*plan).empty());
}

TEST_CASE("a driver that dies behind any of its writes is continued to the same end") {
  Stage whole;
  whole.begin();
  whole.cluster.writes.clear();
  REQUIRE(whole.drive_to_the_end("ada"));
  const auto writes = whole.cluster.writes.size();
  REQUIRE(writes > 20);
  for (std::size_t dies = 1; dies < writes; ++dies) {
    CAPTURE(dies);
    Stage stage;
    stage.begin();
    stage.cluster.writes.clear();
    bool dead = false;
    stage.cluster.after = [&](const ApiRequest&, ApiAnswer answer) -> Result<ApiAnswer> {
      dead = dead || stage.cluster.writes.size() >= dies;
      if (dead) return Error{Error::Kind::interrupted, "killed", ""};
      return answer;
    };
    CHECK_FALSE(stage.drive_to_the_end("first"));
    stage.cluster.after = nullptr;
    auto end = stage.drive_to_the_end("second", true);
    REQUIRE(end);
    CHECK(end->rollout->phase == Phase::promoted);
    CHECK(stage.objects() == whole.objects());
  }
}

TEST_CASE("a driver that froze before any of its writes, and wakes after an abort, drives only what is left of it") {
  for (std::size_t freezes = 2; freezes < 12; ++freezes) {
    CAPTURE(freezes);
    Stage stage;
    stage.begin();
    std::size_t seen = 0;
    bool other_is_done = false;
    stage.cluster.before = [&](const ApiRequest& request) {
      if (request.method == "GET" || other_is_done || ++seen != freezes) return;
      // While it sleeps somebody else takes over and aborts.
      other_is_done = true;
      Driver other(stage.seams(), stage.place(), "other");
      auto aborted = other.ask([](RolloutState& rollout, WallTime now) -> Status {
        ask_abort(rollout, "other", "enough", now);
        return ok();
      });
      REQUIRE(aborted);
    };
    const auto end = stage.drive_to_the_end("first");
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

TEST_CASE("a driver whose credentials are gone ends at once; where it was stays, and another one promotes") {
  Stage stage;
  stage.begin();
  std::size_t looks = 0;
  stage.cluster.after = [&](const ApiRequest&, ApiAnswer answer) -> Result<ApiAnswer> {
    if (stage.state().rollout->phase == Phase::measuring) ++looks;
    if (looks > 3) return Error{Error::Kind::credentials, "context test: login gave no credentials: exit code 1", ""};
    return answer;
  };
  const auto before = stage.clock.wall();
  const auto end = stage.drive_to_the_end("first");
  REQUIRE_FALSE(end);
  CHECK(exit_code(end.error().kind) == 4);
  CHECK(stage.clock.wall() - before < std::chrono::minutes(1));  // nobody is asked again and again
  CHECK(stage.state().rollout->phase == Phase::measuring);
  const auto weight = stage.state().rollout->weight;
  CHECK(weight == 0.2);
  stage.cluster.after = nullptr;
  CHECK_FALSE(stage.drive_to_the_end("second"));  // the first was seen a moment ago
  stage.clock.advance(driver_silence);
  CHECK(stage.state().rollout->weight == weight);
  const auto second = stage.drive_to_the_end("second");
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
    stage.begin();
    std::optional<WallTime> back;
    stage.cluster.after = [&](const ApiRequest&, ApiAnswer answer) -> Result<ApiAnswer> {
      if (!back && stage.state().rollout->phase == Phase::measuring) back = stage.clock.wall() + c.away;
      if (back && stage.clock.wall() < *back) return Error{Error::Kind::unavailable, "connection refused", ""};
      return answer;
    };
    const auto end = stage.drive_to_the_end("ada");
    REQUIRE(static_cast<bool>(end) == c.promoted);
    if (c.promoted) CHECK(end->rollout->phase == Phase::promoted);
    if (!c.promoted) CHECK(exit_code(end.error().kind) == 3);
  }
}

TEST_CASE("a canary whose pods the quota refuses is told from one that is slow to start") {
  Stage stage;
  stage.begin();
  Driver driver(stage.seams(), stage.place(), "ada");
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
  stage.begin();
  const auto canary = monitors + stage.state().rollout->candidate.revision;
  CHECK(stage.objects().count(canary) == 0);
  Driver driver(stage.seams(), stage.place(), "ada");
  REQUIRE(driver.take(false));
  stage.cluster.writes.clear();
  for (int i = 0; i < 3; ++i) REQUIRE(driver.tick());
  CHECK(stage.objects().count(canary) == 1);
  const auto& writes = stage.cluster.writes;
  CHECK(std::count_if(writes.begin(), writes.end(),
                      [](const auto& one) { return one.find("PodMonitor") != std::string::npos; }) == 1);
  REQUIRE(end_rollout(driver, OwnerPlan(), "ada", "enough", stage.clock));
  stage.clock.advance(std::chrono::minutes(1));
  REQUIRE(drive(driver, stage.place(), stage.clock, no_progress()));
  CHECK(stage.objects().count(canary) == 0);
}

TEST_CASE("somebody who drives is not disturbed unless that is asked for") {
  Stage stage;
  stage.begin();
  Driver first(stage.seams(), stage.place(), "first"), second(stage.seams(), stage.place(), "second"),
      cron(stage.seams(), stage.place(), tick_name("cron"));
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

TEST_CASE("no weight before a gateway can know the canary's pods as endpoints") {
  Stage stage;
  stage.begin();
  Driver driver(stage.seams(), stage.place(), "ada");
  REQUIRE(driver.take(false));
  const auto service = "credit-risk-" + stage.state().rollout->candidate.revision;
  auto& slice = stage.cluster.objects["/apis/discovery.k8s.io/v1/namespaces/fraud/endpointslices/" + service + "-x"];
  slice = {{"metadata",
            {{"name", service + "-x"}, {"namespace", "fraud"}, {"labels", {{"kubernetes.io/service-name", service}}}}},
           {"endpoints", Json::array({{{"conditions", {{"ready", false}}}}})}};
  for (int i = 0; i < 5; ++i) {
    REQUIRE(driver.tick());
    stage.clock.sleep_until(stage.clock.steady() + std::chrono::seconds(1));
  }
  CHECK(stage.state().rollout->phase == Phase::preparing);
  CHECK(stage.state().rollout->weight == 0);
  // Without a condition an endpoint is ready.
  slice["endpoints"] = Json::array({{{"addresses", {"10.0.0.1"}}}, {{"conditions", {{"ready", true}}}}});
  REQUIRE(driver.tick());
  CHECK(stage.state().rollout->phase == Phase::shifting);
}

TEST_CASE("an abort takes the traffic away before it asks for last words") {
  Stage stage;
  stage.begin();
  stage.failing = "credit-risk";
  Driver driver(stage.seams(), stage.place(), "ada");
  REQUIRE(driver.take(false));
  std::vector<std::string> order;
  stage.cluster.before = [&](const ApiRequest& request) {
    const bool back =
        request.path == route_at && request.method == "PATCH" && stage.state().rollout->phase == Phase::aborting;
    if (back) order.push_back("route");
    if (request.path.ends_with("/log")) order.push_back("log");
  };
  stage.tick_until(driver, Phase::aborting);
  REQUIRE(order.size() >= 2);
  CHECK(order[0] == "route");
  CHECK(order[1] == "log");
}

TEST_CASE("what an abort has to write to pods does not keep the traffic, whoever refuses it") {
  std::string scaled = quick_rollout;
  scaled.replace(scaled.find("max: 2"), 6, "max: 4");
  Stage stage({"credit-risk"}, scaled);
  stage.cluster.change("/apis/apps/v1/namespaces/fraud/deployments/credit-risk-" + stage.state().stable->revision,
                       [](Json& object) { object["spec"]["replicas"] = 2; });  // as its autoscaler found right
  stage.begin();
  Driver driver(stage.seams(), stage.place(), "ada");
  REQUIRE(driver.take(false));
  stage.tick_until(driver, Phase::measuring);
  const auto state = stage.state();
  const auto scaler =
      "/apis/autoscaling/v2/namespaces/fraud/horizontalpodautoscalers/credit-risk-" + state.rollout->baseline.revision;
  // Somebody lowered it, and nobody lets us raise it again.
  stage.cluster.change(scaler, [](Json& object) { object["spec"]["minReplicas"] = 1; });
  stage.cluster.after = [&](const ApiRequest& request, ApiAnswer answer) -> Result<ApiAnswer> {
    if (request.method != "PATCH" || request.path != scaler) return answer;
    return ApiAnswer{403, R"({"kind":"Status","reason":"Forbidden","message":"no"})", {}};
  };
  const auto asked = driver.ask([](RolloutState& rollout, WallTime now) -> Status {
    ask_abort(rollout, "ada", "enough", now);
    return ok();
  });
  CHECK_FALSE(asked);
  const auto references = stage.cluster.objects.at(route_at)["spec"]["rules"][0]["backendRefs"];
  REQUIRE(references.size() == 1);
  CHECK(references[0]["name"] == "credit-risk-" + state.rollout->baseline.revision);
}

TEST_CASE("last words are asked for also where the first try of an abort failed") {
  Stage stage;
  stage.begin();
  stage.failing = "credit-risk";
  Driver driver(stage.seams(), stage.place(), "ada");
  REQUIRE(driver.take(false));
  bool failed = false;
  std::size_t logs = 0;
  stage.cluster.after = [&](const ApiRequest& request, ApiAnswer answer) -> Result<ApiAnswer> {
    logs += request.path.ends_with("/log") ? 1 : 0;
    const bool back =
        request.path == route_at && request.method == "PATCH" && stage.state().rollout->phase == Phase::aborting;
    if (!back || std::exchange(failed, true)) return answer;
    return Error{Error::Kind::timeout, "no answer", ""};
  };
  for (int i = 0; i < 100 && !failed; ++i) {
    static_cast<void>(driver.tick());
    stage.clock.advance(std::chrono::seconds(1));
  }
  REQUIRE(failed);
  CHECK(logs == 0);
  REQUIRE(driver.tick());
  CHECK(logs > 0);
}

TEST_CASE("the last tick removes what is to go, also where somebody else writes to it just then") {
  Stage stage;
  stage.begin();
  const auto old = "/apis/apps/v1/namespaces/fraud/deployments/credit-risk-" + stage.state().rollout->baseline.revision;
  bool touched = false;
  stage.cluster.before = [&](const ApiRequest& request) {
    if (request.method != "DELETE" || request.path != old || std::exchange(touched, true)) return;
    stage.cluster.change(old, [](Json& object) { object["status"]["observedGeneration"] = 7; });
  };
  const auto end = stage.drive_to_the_end("ada");
  REQUIRE(end);
  CHECK(touched);
  CHECK(end->rollout->phase == Phase::promoted);
  CHECK(stage.objects().count(old) == 0);
}

TEST_CASE("what pods and Prometheus count is not waited for longer than until the next look") {
  Stage stage;
  stage.begin();
  std::size_t asked = 0;
  stage.cluster.before = [&](const ApiRequest& request) {
    if (request.path.find("/proxy") == std::string::npos) return;
    ++asked;
    CHECK(request.patience == patience_with_counters);
    CHECK(request.as_it_comes);
  };
  REQUIRE(stage.drive_to_the_end("ada"));
  CHECK(asked > 0);
}
