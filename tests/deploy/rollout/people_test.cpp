// What people and other processes do while somebody drives, in a cluster in memory.
#include <csignal>
#include <doctest/doctest.h>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "base/interrupt.h"
#include "base/terminal.h"
#include "deploy/cluster/apply.h"
#include "deploy/cluster/live.h"
#include "deploy/rollout/ask.h"
#include "deploy/rollout/display.h"
#include "deploy/rollout/drive.h"
#include "deploy/rollout/start.h"
#include "tests/base/process_help.h"
#include "tests/deploy/rollout/stage.h"

using namespace mlctl;
using namespace mlctl::deploy;
using namespace mlctl::deploy::test;
using Json = nlohmann::ordered_json;

TEST_CASE("what people ask for from elsewhere ends the driver with what it led to") {
  struct Case {
    const char* what;
    std::function<void(Stage&)> ask;
    Phase phase;  // at the driver's end
    int code;     // of the command
  };
  const auto asked = [](auto how) {
    return [how](Stage& stage) {
      Driver other(stage.seams(), stage.place(), "other");
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
              Driver other(stage.seams(), stage.place(), "other");
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
    stage.begin();
    bool done = false;
    stage.cluster.before = [&](const ApiRequest& request) {
      if (done || request.method != "PUT" || stage.state().rollout->phase != Phase::measuring) return;
      done = true;
      c.ask(stage);
    };
    const auto end = stage.drive_to_the_end("first");
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

TEST_CASE("Ctrl-C gives the rollout back at once, wherever it comes: nobody waits for a driver that is gone") {
  for (const int at : {1, 5, 20}) {  // of the writes
    CAPTURE(at);
    const int code = mlctl::test::in_fork([at] {
      install_interrupt_handlers();
      Stage stage;
      stage.begin();
      int writes = 0;
      stage.cluster.before = [&](const ApiRequest& request) {
        if (request.method != "GET" && ++writes == at) ::raise(SIGINT);
      };
      // As the real client does.
      stage.cluster.after = [](const ApiRequest&, ApiAnswer answer) -> Result<ApiAnswer> {
        if (interrupted()) return interrupted_error();
        return answer;
      };
      const auto end = stage.drive_to_the_end("ada");
      if (end || end.error().kind != Error::Kind::interrupted) return 1;
      if (!interrupted() || !stage.state().rollout->driver.empty()) return 2;
      return 0;
    });
    CHECK(code == 0);
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
    stage.begin();
    Driver driver(stage.seams(), stage.place(), "ada");
    REQUIRE(driver.take(false));
    stage.tick_until(driver, Phase::measuring);
    stage.cluster.gateway_follows = c.confirms;
    const Json route = stage.cluster.objects.at(route_at);
    if (!c.writes)
      stage.cluster.after = [&](const ApiRequest&, ApiAnswer answer) -> Result<ApiAnswer> {
        stage.cluster.objects[route_at] = route;  // somebody puts it back at once
        return answer;
      };
    const auto ended = end_rollout(driver, OwnerPlan(), "ada", "enough", stage.clock);
    REQUIRE(static_cast<bool>(ended) == (c.unproven != nullptr));
    if (!ended) CHECK(exit_code(ended.error().kind) == 3);
    if (ended && *c.unproven == '\0') CHECK(*ended == "");
    if (ended) CHECK(ended->find(c.unproven) != std::string::npos);
  }
}

TEST_CASE("an abort reaches the route also where somebody writes to it all the time, or says that it did not") {
  for (const bool for_ever : {false, true}) {
    CAPTURE(for_ever);
    Stage stage;
    stage.begin();
    Driver driver(stage.seams(), stage.place(), "ada");
    REQUIRE(driver.take(false));
    stage.tick_until(driver, Phase::measuring);
    int touches = 0;
    stage.cluster.before = [&](const ApiRequest& request) {
      if (request.method == "GET" || request.path != route_at || (touches > 20 && !for_ever)) return;
      ++touches;
      stage.cluster.change(route_at, [](Json& route) { route["metadata"]["annotations"]["touched"] = "again"; });
    };
    Driver other(stage.seams(), stage.place(), "eve");
    const auto asked = other.ask([](RolloutState& rollout, WallTime now) -> Status {
      ask_abort(rollout, "eve", "enough", now);
      return ok();
    });
    CHECK(touches > 20);
    REQUIRE(static_cast<bool>(asked) == !for_ever);
    const auto references = stage.cluster.objects.at(route_at)["spec"]["rules"][0]["backendRefs"];
    CHECK((references.size() == 1) == !for_ever);
    if (!asked) CHECK(exit_code(asked.error().kind) == 1);
    CHECK(stage.state().aborted == std::set<std::uint64_t>{2});
  }
}

TEST_CASE("a route that somebody removes pauses the rollout, and is made again by whatever is decided then") {
  struct Case {
    const char* what;
    std::function<void(RolloutState&, WallTime)> ask;
    Phase end;
    std::size_t backends;
  };
  for (const auto& c :
       std::vector<Case>{{"resumed", [](RolloutState& rollout, WallTime now) { ask_resume(rollout, "eve", now); },
                          Phase::promoted, 1},
                         {"aborted", [](RolloutState& rollout, WallTime now) { ask_abort(rollout, "eve", "", now); },
                          Phase::failed, 1},
                         {"promoted", [](RolloutState& rollout, WallTime now) { ask_promote(rollout, "eve", now); },
                          Phase::promoted, 1}}) {
    INFO(std::string(c.what));
    Stage stage;
    stage.begin();
    bool removed = false;
    stage.cluster.before = [&](const ApiRequest& request) {
      if (removed || request.method != "PUT" || stage.state().rollout->phase != Phase::measuring) return;
      removed = true;
      stage.cluster.objects.erase(route_at);
    };
    const auto paused = stage.drive_to_the_end("ada");
    REQUIRE(paused);
    REQUIRE(paused->rollout->pause);
    CHECK(paused->rollout->pause->reason == "the HTTPRoute is gone; a resume or an abort makes it again");
    CHECK(stage.cluster.objects.count(route_at) == 0);
    Driver other(stage.seams(), stage.place(), "eve");
    REQUIRE(other.ask([&](RolloutState& rollout, WallTime now) -> Status {
      c.ask(rollout, now);
      return ok();
    }));
    const auto end = stage.drive_to_the_end("eve", true);
    REQUIRE(end);
    CHECK(std::string(to_string(end->rollout->phase)) == to_string(c.end));
    REQUIRE(stage.cluster.objects.count(route_at) == 1);
    const auto& route = stage.cluster.objects.at(route_at);
    const auto& serves = c.end == Phase::promoted ? end->rollout->candidate : end->rollout->baseline;
    REQUIRE(route["spec"]["rules"][0]["backendRefs"].size() == c.backends);
    CHECK(route["spec"]["rules"][0]["backendRefs"][0]["name"] == "credit-risk-" + serves.revision);
  }
}

TEST_CASE("a model that is unassigned in the middle leaves no rollout behind") {
  Stage stage;
  stage.begin();
  Driver driver(stage.seams(), stage.place(), "ada");
  REQUIRE(driver.take(false));
  stage.tick_until(driver, Phase::measuring);
  const Desired nothing{"staging", {{stage.place().model, 3}}, {}};
  auto plan = plan_cluster(stage.cluster, stage.discovery, {nothing, false, rfc3339(stage.clock.wall()), "eve"});
  REQUIRE(plan);
  const ClusterApplyOptions options{.run = "eve"};
  const auto applied =
      apply_cluster(nothing, *plan, {stage.cluster, stage.discovery, options, stage.clock, no_progress()});
  REQUIRE(applied);
  CHECK_FALSE(stage.state().stable);
  CHECK_FALSE(stage.state().rollout);
  const auto late = driver.tick();
  REQUIRE_FALSE(late);
  CHECK(late.error().kind == Error::Kind::conflict);
  for (const auto& path : stage.objects()) CHECK(path.find("/deployments/") == std::string::npos);
}

TEST_CASE("while what lost is looked at, what serves can be gone back from too, at once") {
  Stage stage;
  stage.begin();
  Driver driver(stage.seams(), stage.place(), "ada");
  REQUIRE(driver.take(false));
  stage.tick_until(driver, Phase::measuring);
  const auto look = [&] {
    return live_assignment(stage.cluster, stage.discovery, stage.place().model, "fraud", "staging");
  };
  CHECK(look()->digest.empty());  // it is being shifted
  REQUIRE(end_rollout(driver, OwnerPlan(), "ada", "enough", stage.clock));
  REQUIRE(stage.state().rollout->phase == Phase::aborted);
  CHECK(look()->n == 1);
  CHECK(look()->digest == stage.state().stable->digest);
  CHECK(look()->aborted == std::set<std::uint64_t>{2});
  auto older = assigned(stage.models, 4, quick_rollout);
  for (auto& file : older.files)
    if (auto* spec = std::get_if<Spec>(&file.origin)) spec->way_back = true;
  const auto plan = plan_cluster(stage.cluster, stage.discovery, {older, false, rfc3339(stage.clock.wall()), "ada"});
  REQUIRE(plan);
  const ClusterApplyOptions options{.run = "ada"};
  const auto report =
      apply_cluster(older, *plan, {stage.cluster, stage.discovery, options, stage.clock, no_progress()});
  REQUIRE(report);
  for (const auto& owner : report->owners) CHECK_FALSE(owner.error);
  CHECK(stage.state().stable->assignment == 4);
  CHECK_FALSE(stage.state().rollout);
  const auto references = stage.cluster.objects.at(route_at)["spec"]["rules"][0]["backendRefs"];
  REQUIRE(references.size() == 1);
  CHECK(references[0]["name"] == "credit-risk-" + stage.state().stable->revision);
}

TEST_CASE("a newer assignment in the look-around goes on from what was promoted, and undo goes back") {
  struct Case {
    const char* what;
    bool back;  // to what served before it
    Phase phase;
    std::uint64_t serves;
  };
  for (const auto& c :
       {Case{"a newer one", false, Phase::promoted, 2}, Case{"the one before", true, Phase::aborted, 1}}) {
    INFO(std::string(c.what));
    Stage stage;
    stage.begin();
    Driver driver(stage.seams(), stage.place(), "ada");
    REQUIRE(driver.take(false));
    stage.tick_until(driver, Phase::looking);
    const auto before = stage.state();
    OwnerPlan wanted;
    wanted.before = before;
    wanted.revision = c.back ? before.rollout->baseline.revision : "cccccccccc";
    Driver other(stage.seams(), stage.place(), "other");
    const auto ended = end_rollout(other, wanted, "other", "git assigns #3 now", stage.clock);
    REQUIRE(ended);
    const auto after = stage.state();
    CHECK(std::string(to_string(after.rollout->phase)) == to_string(c.phase));
    CHECK(after.stable->assignment == c.serves);
    CHECK(after.aborted.count(2) == (c.back ? 1 : 0));
    const auto references = stage.cluster.objects.at(route_at)["spec"]["rules"][0]["backendRefs"];
    REQUIRE(references.size() == 1);
    CHECK(references[0]["name"] == "credit-risk-" + after.stable->revision);
    if (c.back) continue;
    const auto third = assigned(stage.models, 3, quick_rollout);
    const auto plan = plan_cluster(stage.cluster, stage.discovery, {third, false, rfc3339(stage.clock.wall()), "ada"});
    REQUIRE(plan);
    for (const auto& owner : plan->owners)
      if (owner.is_model) CHECK(owner.rollout == OwnerPlan::Rollout::begins);
    // Whoever drove it hears that it is over.
    const auto late = driver.tick();
    REQUIRE_FALSE(late);
    const auto heard = driver.after(late.error());
    REQUIRE(heard);
    REQUIRE(*heard);
    CHECK((*heard)->rollout->phase == Phase::promoted);
  }
}

TEST_CASE("what a person has decided about a promoted version is not written over for a newer one") {
  for (const bool seen : {true, false}) {  // by a tick, before the newer one comes
    CAPTURE(seen);
    Stage stage;
    stage.begin();
    Driver driver(stage.seams(), stage.place(), "ada");
    REQUIRE(driver.take(false));
    stage.tick_until(driver, Phase::looking);
    stage.cluster.change(route_at, [&](Json& route) {
      route["spec"]["rules"][0]["backendRefs"][0]["name"] = "credit-risk-" + stage.state().rollout->baseline.revision;
      route["metadata"]["generation"] = route["metadata"]["generation"].get<int>() + 1;
    });
    const auto edited = stage.cluster.objects.at(route_at)["spec"];
    if (seen) REQUIRE(driver.tick());
    OwnerPlan wanted;
    wanted.before = stage.state();
    wanted.revision = "cccccccccc";
    Driver other(stage.seams(), stage.place(), "other");
    const auto ended = end_rollout(other, wanted, "other", "git assigns #3 now", stage.clock);
    REQUIRE_FALSE(ended);
    CHECK(ended.error().kind == Error::Kind::conflict);
    CHECK(ended.error().message.find("paused") != std::string::npos);
    CHECK(stage.cluster.objects.at(route_at)["spec"] == edited);
  }
}

TEST_CASE("what crashed in an attempt before does not end the next one") {
  Stage stage;
  stage.begin();
  Driver driver(stage.seams(), stage.place(), "ada");
  REQUIRE(driver.take(false));
  stage.tick_until(driver, Phase::measuring);
  REQUIRE(driver.ask([](RolloutState& rollout, WallTime now) -> Status {
    ask_abort(rollout, "ada", "enough", now);
    return ok();
  }));
  const auto candidate = stage.state().rollout->candidate.revision;
  const auto again =
      plan_cluster(stage.cluster, stage.discovery,
                   {.desired = stage.second, .now = rfc3339(stage.clock.wall()), .run = "ada", .again = true});
  REQUIRE(again);
  for (const auto& owner : again->owners) {
    if (!owner.is_model) continue;
    REQUIRE(owner.rollout == OwnerPlan::Rollout::begins);
    auto made = forecast(stage.seams(), owner, "ada", {});
    REQUIRE(made);
    REQUIRE(begin_rollout(stage.seams(), owner, made->state, made->replay));
  }
  Driver next(stage.seams(), stage.place(), "ada");
  REQUIRE(next.take(true));
  int pods = 0;  // a write to their Deployment has made them anew here
  for (auto& [path, object] : stage.cluster.objects)
    if (object["kind"] == "Pod" && path.find(candidate) != std::string::npos && ++pods > 0)
      object["status"]["containerStatuses"] =
          Json::array({{{"restartCount", 2}, {"lastState", {{"terminated", {{"exitCode", 1}, {"reason", "Error"}}}}}}});
  REQUIRE(pods > 0);
  REQUIRE(next.tick());
  CHECK_FALSE(stage.state().rollout->has_lost());
}

TEST_CASE("what was asked for is done once, also where its answer was lost and it was sent again") {
  Stage stage;
  stage.begin();
  Driver driver(stage.seams(), stage.place(), "ada");
  REQUIRE(driver.take(false));
  stage.tick_until(driver, Phase::measuring);
  const std::string at = "/api/v1/namespaces/fraud/configmaps/mlctl-credit-risk";
  bool lost = false;
  stage.cluster.before = [&](const ApiRequest& request) {
    if (request.method != "PUT" || request.path != at || std::exchange(lost, true)) return;
    stage.cluster.objects[at]["data"] = Json::parse(request.body)["data"];
    stage.cluster.change(at, [](Json&) {});  // the version is another now: the second try is too late
  };
  Driver other(stage.seams(), stage.place(), "other");
  int asked = 0;
  REQUIRE(other.ask([&](RolloutState& rollout, WallTime now) -> Status {
    if (++asked > 1) return Error{Error::Kind::conflict, "the rollout is paused already", ""};
    ask_pause(rollout, "other", "lunch", now);
    return ok();
  }));
  CHECK(lost);
  CHECK(stage.state().rollout->pause);
}

TEST_CASE("what the cluster cannot know is not decided by what would be convenient") {
  struct Case {
    const char* what;
    std::function<void(Stage&, Desired&)> how;
    bool force;
    const char* refusal;  // "": none
  };
  const auto forget = [](Stage& stage, Desired&) {
    stage.cluster.objects.erase("/api/v1/namespaces/fraud/configmaps/mlctl-credit-risk");
  };
  for (const auto& c :
       std::vector<Case>{{"its state is gone", forget, false, "serves, and its ConfigMap mlctl-credit-risk is gone"},
                         {"somebody says that he knows", forget, true, ""},
                         {"two clones took one number",
                          [](Stage&, Desired& second) {
                            for (auto& file : second.files)
                              if (auto* spec = std::get_if<Spec>(&file.origin)) {
                                spec->assignment = 1;
                                spec->digest.bytes.fill(9);
                              }
                          },
                          false, "assignment 1 is v1.2.3 in the cluster"}}) {
    INFO(std::string(c.what));
    Stage stage;
    c.how(stage, stage.second);
    const auto plan =
        plan_cluster(stage.cluster, stage.discovery, {stage.second, c.force, rfc3339(stage.clock.wall()), "ada"});
    REQUIRE(plan);
    for (const auto& owner : plan->owners) {
      if (!owner.is_model) continue;
      REQUIRE(owner.refused.has_value() == (*c.refusal != '\0'));
      if (owner.refused) CHECK(owner.refused->kind == Error::Kind::conflict);
      if (owner.refused) CHECK(owner.refused->message.find(c.refusal) != std::string::npos);
      if (owner.refused) CHECK(owner.changes.empty());
    }
  }
}
