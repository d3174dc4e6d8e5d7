// What is known before a rollout begins, from a cluster in memory.
#include "deploy/rollout/start.h"

#include <doctest/doctest.h>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/deploy/rollout/stage.h"

using namespace mlctl;
using namespace mlctl::deploy;
using namespace mlctl::deploy::test;
using Json = nlohmann::ordered_json;

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
    Stage here;
    const auto& owner = here.owner();
    auto seams = here.seams();
    seams.prometheus = PrometheusConfig{.url = "http://prometheus.example:9090"};
    seams.fetch = [&](const std::string& url) -> Result<std::string> {
      if (url.starts_with("http://prometheus.example:9090/api/v1/query_range?")) return c.range(here);
      return Json{{"status", "success"}, {"data", {{"resultType", "vector"}, {"result", Json::array()}}}}.dump();
    };
    const auto made = forecast(seams, owner, "ada");
    REQUIRE(made);
    CHECK(Json::parse(made->state.judge)["metrics"][0]["spreadBlocks"] == c.blocks);
    // Two pods, 601 requests in each of the newest blocks; without them what they have counted since they began.
    if (c.blocks > 0) CHECK(made->requests_per_second == doctest::Approx(2 * 601 / 4.0));
    if (c.blocks == 0) CHECK(made->requests_per_second < 10);
    std::string notes;
    for (const auto& note : made->notes) notes += note + "\n";
    CHECK((notes.find("not known from before") != std::string::npos) == (c.blocks == 0));
    CHECK(notes.find(c.note) != std::string::npos);
    CHECK(notes.find("Prometheus shows nothing of the pods; pods are asked themselves") != std::string::npos);
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
    Stage stage;
    stage.cluster.pages = [&](const std::string&) { return std::string(c.page); };
    stage.cluster.writes.clear();
    const auto made = forecast(stage.seams(), stage.owner(), "ada");
    REQUIRE_FALSE(made);
    CHECK(made.error().message.find(c.message) != std::string::npos);
    CHECK(stage.cluster.writes.empty());
  }
}
