// A rollout that replays, through the driver, in a cluster in memory: what is sent to whom, and what survives.
#include <algorithm>
#include <doctest/doctest.h>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "base/terminal.h"
#include "deploy/cluster/apply.h"
#include "deploy/rollout/display.h"
#include "deploy/rollout/drive.h"
#include "deploy/rollout/start.h"
#include "tests/deploy/rollout/stage.h"

using namespace mlctl;
using namespace mlctl::deploy;
using namespace mlctl::deploy::test;
using Json = nlohmann::ordered_json;

namespace {

constexpr const char* replaying = R"(
serving: {autoscale: {min: 2, max: 2}}
rollout:
  steps: [{weight: 20%, for: 4s}, {weight: 50%, for: 4s}, {weight: 100%}]
  judge: {block: 4s, errors: {floor: 2%}}
  look_around: 4s
  drain: {timeout: 1s}
  inconclusive: {extend: 4m}
  low_traffic: replay
  replay: {rate: 20/s}
)";
const std::vector<std::string> recorded{R"({"inputs":[1]})", R"({"inputs":[2]})", R"({"inputs":[3]})"};

// Nobody asks the model but the driver; assignment 1 serves, and 2 is about to begin.
struct Quiet : Stage {
  struct Counted {
    int fine = 0, failed = 0;
    std::vector<std::string> bodies;
  };
  std::map<std::string, Counted> asked;  // by pod
  std::string canary;                    // how the names of its pods begin
  int canary_fails_every = 0;
  bool forbidden = false;

  explicit Quiet(std::vector<std::string> names = {"credit-risk"}) : Stage(std::move(names), replaying) {
    cluster.pages = [this](const std::string& pod) { return page(pod); };
    cluster.answers = [this](const std::string& pod, const ApiRequest& request) { return answer(pod, request); };
  }

  void begin() {
    Stage::begin(recorded);
    canary = "credit-risk-" + state().rollout->candidate.revision;
  }

  // A counter is there after the first request, as MLServer's is.
  std::string page(const std::string& pod) {
    const auto& mine = asked[pod];
    std::string out;
    for (const auto& [code, count] : {std::pair("200", mine.fine), {"500", mine.failed}})
      if (count > 0)
        out += std::string("rest_server_requests_total{path=\"/v2/models/x/infer\",status_code=\"") + code + "\"} " +
               std::to_string(count) + "\n";
    return out;
  }

  ApiAnswer answer(const std::string& pod, const ApiRequest& request) {
    if (forbidden)
      return {403, R"({"kind":"Status","reason":"Forbidden","message":"cannot create resource \"pods/proxy\""})", {}};
    CHECK(request.path.ends_with(pod + ":8080/proxy/v2/models/" + model_of(pod) + "/infer"));
    CHECK(request.content_type == "application/json");
    CHECK_FALSE(request.again);
    auto& mine = asked[pod];
    mine.bodies.push_back(request.body);
    const bool is_canary = pod.starts_with(canary);
    const bool fails = is_canary && canary_fails_every > 0 && mine.bodies.size() % canary_fails_every == 0;
    ++(fails ? mine.failed : mine.fine);
    return fails ? ApiAnswer{500, "no", {}} : ApiAnswer{200, "{}", {}};
  }

  std::string told() {
    std::string out;
    const auto now = state();
    for (const auto& event : now.rollout->events) out += event.what + "\n";
    return out;
  }
};

}  // namespace

TEST_CASE("an equal version that nobody asks is promoted by what is replayed, and that is said") {
  Quiet stage;
  stage.begin();
  const auto end = stage.drive_to_the_end("ada");
  REQUIRE(end);
  INFO(stage.told());
  CHECK(end->rollout->phase == Phase::promoted);
  CHECK(stage.told().find("2 of 2 judged steps passed with replayed requests") != std::string::npos);
  CHECK(to_text(*end, end->rollout->heartbeat, Style::plain()).find("; replayed: ") != std::string::npos);
  CHECK(rollout_json(*end, end->rollout->heartbeat)["replay"]["stepsPassed"] == 2);
  // Each pod got the same requests in the same order, and nothing else did.
  std::set<std::vector<std::string>> sequences;
  for (const auto& [pod, mine] : stage.asked) {
    if (mine.bodies.empty()) continue;
    sequences.insert(mine.bodies);
    CHECK(mine.bodies[0] == recorded[0]);
    CHECK(mine.bodies[4] == recorded[1]);
  }
  CHECK(sequences.size() == 1);
}

TEST_CASE("a version that fails at one recorded request in ten is aborted without any traffic") {
  Quiet stage;
  stage.canary_fails_every = 10;
  stage.begin();
  const auto end = stage.drive_to_the_end("ada");
  REQUIRE(end);
  CHECK(end->rollout->phase == Phase::failed);
  CHECK(end->rollout->reason.find("errors: more than 1.5 times") != std::string::npos);
  CHECK(end->rollout->reason.find("; replayed: ") != std::string::npos);
}

TEST_CASE("whoever takes over goes on with what the cluster keeps, whichever write the one before died behind") {
  Quiet whole;
  whole.begin();
  whole.cluster.writes.clear();
  REQUIRE(whole.drive_to_the_end("ada"));
  const auto writes = whole.cluster.writes.size();
  for (std::size_t dies = 1; dies < writes; dies += 31) {
    CAPTURE(dies);
    Quiet stage;
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
    const auto end = stage.drive_to_the_end("second", true);
    REQUIRE(end);
    CHECK(end->rollout->phase == Phase::promoted);
    CHECK(end->rollout->replay.passed == 2);
  }
}

TEST_CASE("a rollout that replays is refused without recorded requests, before anything is made") {
  Quiet stage;
  const auto before = stage.cluster.objects;
  const auto refused = forecast(stage.seams(), stage.owner(), "ada");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::usage);
  CHECK(refused.error().message.find("needs recorded requests") != std::string::npos);
  CHECK(refused.error().hint.find("golden.json") != std::string::npos);
  CHECK(stage.cluster.objects == before);
}

TEST_CASE("a plan says how long it takes by replay, where stable has answered nothing yet") {
  Quiet stage;
  const auto made = forecast(stage.seams(), stage.owner(), "ada", recorded);
  REQUIRE(made);
  CHECK(made->requests_per_second == 0);
  REQUIRE(made->steps.size() == 2);
  CHECK(made->steps[0].requests_per_second == 10);  // half of 20/s
  REQUIRE(made->steps[0].pass);
  CHECK(*made->steps[0].pass < std::chrono::minutes(2));
  CHECK(made->steps[0].detect);
  const auto text = to_text(*made, Style::plain());
  CHECK(text.find("3 golden cases are replayed to pods of both versions") != std::string::npos);
  CHECK(text.find("not production traffic") != std::string::npos);
  CHECK(text.find("whether it counts is seen when requests are replayed") != std::string::npos);
}

TEST_CASE("a plan says where a step would pause before replayed requests decide it") {
  Quiet stage;
  auto owner = stage.owner();
  Spec slow = *owner.spec;
  slow.rollout.replay_rate = 1;
  owner.spec = &slow;
  const auto made = forecast(stage.seams(), owner, "ada", recorded);
  REQUIRE(made);
  CHECK(to_text(*made, Style::plain()).find("a step takes longer than `for` and") != std::string::npos);
}

TEST_CASE("stable without a pod that could be asked refuses a rollout that replays too") {
  Quiet stage;
  for (auto& [path, object] : stage.cluster.objects)
    if (path.find("/pods/") != std::string::npos) object["status"]["conditions"][0]["status"] = "False";
  const auto refused = forecast(stage.seams(), stage.owner(), "ada", recorded);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::unavailable);
}

TEST_CASE("who may not replay is told why the rollout pauses") {
  Quiet stage;
  stage.forbidden = true;
  stage.begin();
  const auto end = stage.drive_to_the_end("ada");
  REQUIRE(end);
  REQUIRE(end->rollout->pause);
  CHECK(end->rollout->pause->reason.find("low traffic: 0 requests") == 0);
  CHECK(end->rollout->pause->reason.find("; replay: ") != std::string::npos);
  CHECK(end->rollout->replay.lost > 0);
}

TEST_CASE("requests are spread over the time between two looks") {
  Quiet stage;
  std::vector<SteadyTime> sent;
  auto answer = stage.cluster.answers;
  stage.cluster.answers = [&](const std::string& pod, const ApiRequest& request) {
    sent.push_back(stage.clock.steady());
    return answer(pod, request);
  };
  stage.begin();
  REQUIRE(stage.drive_to_the_end("ada"));
  REQUIRE(sent.size() > 100);
  // 20/s at four pods: a round each 200 ms, and none of more than four.
  for (std::size_t i = 4; i < 100; ++i) {
    CHECK(sent[i] - sent[i - 4] >= std::chrono::milliseconds(199));
    CHECK(sent[i] - sent[i - 4] <= std::chrono::milliseconds(1300));
  }
}

TEST_CASE("several that replay take turns, and none is late for its own looks") {
  const std::vector<std::string> names{"a", "b", "c", "d", "e", "f", "g", "h"};
  Quiet stage(names);
  stage.begin();
  std::map<std::string, SteadyTime> last;
  Duration latest{};
  stage.cluster.before = [&](const ApiRequest& request) {
    if (request.method != "PUT" || !request.about.starts_with("state of ")) return;
    const auto now = stage.clock.steady();
    if (const auto before = last.find(request.about); before != last.end())
      latest = std::max(latest, now - before->second);
    last[request.about] = now;
  };
  std::vector<Driver> drivers;
  for (std::size_t i = 0; i < names.size(); ++i) drivers.emplace_back(stage.seams(), stage.place(i), "ada");
  std::vector<Driven> driven;
  for (std::size_t i = 0; i < names.size(); ++i) {
    REQUIRE(drivers[i].take(false));
    driven.push_back({stage.place(i), &drivers[i]});
  }
  for (const auto& end : drive_all(driven, stage.clock, no_progress())) {
    REQUIRE(end);
    CHECK(end->rollout->phase == Phase::promoted);
  }
  CHECK(latest < std::chrono::seconds(4));  // a block; a look is wanted each second
}
