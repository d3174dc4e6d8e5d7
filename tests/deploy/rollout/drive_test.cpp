#include "deploy/rollout/drive.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/filesystem.h"
#include "base/terminal.h"
#include "tests/deploy/rollout/stage.h"

using namespace mlctl;
using namespace mlctl::deploy;
using namespace mlctl::deploy::test;

namespace {

const std::vector<std::string> names{"churn", "credit-risk"};

std::vector<Result<ModelState>> drive_both(Stage& stage) {
  std::vector<Driver> drivers;
  for (std::size_t i = 0; i < names.size(); ++i) drivers.emplace_back(stage.seams(), stage.place(i), "ada");
  std::vector<Driven> driven;
  for (std::size_t i = 0; i < drivers.size(); ++i) {
    REQUIRE(drivers[i].take(false));
    driven.push_back({stage.place(i), &drivers[i]});
  }
  return drive_all(driven, stage.clock, no_progress());
}

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
    Stage stage(names);
    stage.begin();
    stage.failing = c.failing;
    stage.cluster.writes.clear();
    const auto ends = drive_both(stage);
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
  Stage stage(names);
  stage.begin();
  bool taken = false;
  stage.cluster.before = [&](const ApiRequest& request) {
    if (taken || request.method != "PUT" || request.about != "state of fraud/churn") return;
    if (std::count(stage.cluster.writes.begin(), stage.cluster.writes.end(), "PUT state of fraud/churn") < 8) return;
    taken = true;
    Driver other(stage.seams(), {{"fraud", "churn"}, "fraud", "staging"}, "other");
    REQUIRE(other.take(true));
  };
  const auto ends = drive_both(stage);
  REQUIRE(taken);
  REQUIRE_FALSE(ends[0]);
  CHECK(ends[0].error().message == "the rollout of fraud/churn was taken over by other");
  REQUIRE(ends[1]);
  CHECK(ends[1]->rollout->phase == Phase::promoted);
}

namespace {

struct Prometheus : HttpClient {
  std::vector<HttpRequest> asked;
  Result<HttpResponse> send(const HttpRequest& request) override {
    asked.push_back(request);
    return HttpResponse{200, {}, "{}"};
  }
};

}  // namespace

TEST_CASE("Prometheus is sent the token that its file holds at that moment") {
  const auto folder = TemporaryFolder::create();
  REQUIRE(folder);
  const auto file = folder->path() / "token";
  Prometheus prometheus;
  REQUIRE(fetch_with(prometheus, std::nullopt)("https://p.example/api"));
  CHECK(prometheus.asked.back().headers.empty());

  const auto fetch = fetch_with(prometheus, PrometheusConfig{.url = "https://p.example", .token_file = file.string()});
  auto refused = fetch("https://p.example/api");
  REQUIRE(!refused);
  CHECK(refused.error().message.starts_with("the token for Prometheus: "));
  for (const std::string token : {"first", "second"}) {
    REQUIRE(write_file(file, token + "\n"));
    REQUIRE(fetch("https://p.example/api"));
    CHECK(prometheus.asked.back().headers ==
          std::vector<std::pair<std::string, std::string>>{{"Authorization", "Bearer " + token}});
  }
  REQUIRE(write_file(file, "\n"));
  refused = fetch("https://p.example/api");
  REQUIRE(!refused);
  CHECK(refused.error().message.ends_with("is empty"));
}
