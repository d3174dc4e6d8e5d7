#include "deploy/rollout/samples.h"

#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <string>
#include <vector>

#include "deploy/rollout/blocks.h"

using namespace mlctl;
using namespace mlctl::deploy;

namespace {

const MetricNames& plain() {
  static const MetricNames names{"requests_total", "code", "seconds", "", ""};
  return names;
}
const MetricNames& mlserver() {
  static const MetricNames names{"rest_server_requests_total", "status_code", "rest_server_request_duration_seconds",
                                 "path", "/infer"};
  return names;
}

}  // namespace

TEST_CASE("what a page of counters says") {
  struct Case {
    const char* what;
    const MetricNames& names;
    std::string text;
    double requests, errors;
  };
  for (const auto& c : std::vector<Case>{
           {"statuses are summed, 5xx are errors and 4xx are not", plain(),
            "requests_total{code=\"200\"} 90\nrequests_total{code=\"404\"} 7\nrequests_total{code=\"503\"} 3\n", 100,
            3},
           {"comments, other series, carriage returns", plain(),
            "# HELP requests_total all\r\n# TYPE requests_total counter\r\nother 5\r\nrequests_total{code=\"200\"} "
            "1\r\n",
            1, 0},
           {"time stamps and exemplars stand behind the value", plain(),
            "requests_total{code=\"200\"} 4 1700000000000\nrequests_total{code=\"500\"} 1 # {trace=\"a b\"} 1 2\n", 5,
            1},
           {"labels with escapes and commas", plain(), "requests_total{path=\"a\\\"b},\\\\\",code=\"200\",} 2\n", 2, 0},
           {"a name that only begins alike is another", plain(),
            "requests_total_created{code=\"500\"} 9\nrequests_total 1\n", 1, 0},
           {"exponents", plain(), "requests_total{code=\"200\"} 1.5e3\n", 1500, 0},
           {"health is no request to the model", mlserver(),
            "rest_server_requests_total{app_name=\"mlserver\",method=\"GET\",path=\"/v2/health/"
            "ready\",status_code=\"500\"} 8\n"
            "rest_server_requests_total{app_name=\"mlserver\",method=\"POST\","
            "path=\"/v2/models/{model_name}/infer\",status_code=\"200\"} 3\n",
            3, 0},
       }) {
    INFO(std::string(c.what));
    const auto sample = parse_exposition(c.text, c.names);
    REQUIRE(sample);
    REQUIRE(*sample);
    CHECK((*sample)->requests == c.requests);
    CHECK((*sample)->errors == c.errors);
  }
}

TEST_CASE("a histogram is read edge by edge") {
  const auto sample = parse_exposition(
      "seconds_bucket{le=\"0.1\"} 5\nseconds_bucket{le=\"+Inf\"} 9\nseconds_bucket{le=\"0.1\"} 1\nseconds_sum 3\n",
      plain());
  REQUIRE(sample);
  REQUIRE(*sample);
  CHECK((*sample)->buckets == std::map<double, double>{{0.1, 6}, {std::numeric_limits<double>::infinity(), 9}});
}

TEST_CASE("what is no page of counters") {
  std::string many = "requests_total{";
  for (int i = 0; i < 100; ++i) many += "l" + std::to_string(i) + "=\"x\",";
  for (const auto& text : std::vector<std::string>{
           "requests_total{code=\"200\"} NaN\n", "requests_total{code=\"200\"} -1\n",
           "requests_total{code=\"200\"} +Inf\n", "requests_total{code=\"200\"}\n", "requests_total{code=\"200\" 3\n",
           "requests_total{code=200} 3\n", "requests_total{code=\"200", "seconds_bucket{le=\"x\"} 1\n",
           "seconds_bucket 1\n", many + "} 1\n", std::string(prometheus_limit + 1, '\n')}) {
    CAPTURE(text.substr(0, 60));
    const auto sample = parse_exposition(text, plain());
    REQUIRE_FALSE(sample);
    CHECK(sample.error().kind == Error::Kind::corrupt);
  }
  const auto none = parse_exposition("up 1\n", plain());
  REQUIRE(none);
  CHECK_FALSE(*none);
}

TEST_CASE("what Prometheus answers") {
  const auto vector = [](const std::string& items) {
    return "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[" + items + "]}}";
  };
  const auto fine = parse_query(
      vector("{\"metric\":{\"__name__\":\"requests_total\",\"pod\":\"a\",\"code\":\"200\"},\"value\":[1.5,\"10\"]},"
             "{\"metric\":{\"__name__\":\"requests_total\",\"pod\":\"a\",\"code\":\"500\"},\"value\":[1.5,\"2\"]},"
             "{\"metric\":{\"__name__\":\"seconds_bucket\",\"pod\":\"b\",\"le\":\"0.5\"},\"value\":[1.5,\"4\"]},"
             "{\"metric\":{\"__name__\":\"requests_total\"},\"value\":[1.5,\"99\"]}"),
      plain());
  REQUIRE(fine);
  CHECK(fine->size() == 2);
  CHECK(fine->at("a").requests == 12);
  CHECK(fine->at("a").errors == 2);
  CHECK(fine->at("b").buckets.at(0.5) == 4);
  const auto twice = parse_query(vector("{\"metric\":{\"__name__\":\"requests_total\",\"pod\":\"a\",\"job\":\"pods\","
                                        "\"code\":\"200\"},\"value\":[1,\"10\"]},"
                                        "{\"metric\":{\"__name__\":\"requests_total\",\"pod\":\"a\",\"job\":\"x\","
                                        "\"code\":\"200\"},\"value\":[1,\"11\"]},"
                                        "{\"metric\":{\"__name__\":\"requests_total\",\"pod\":\"a\",\"job\":\"x\","
                                        "\"code\":\"500\"},\"value\":[1,\"2\"]}"),
                                 plain());
  REQUIRE(twice);
  CHECK(twice->at("a").requests == 13);  // scraped by two jobs, counted once
  const auto refused = parse_query(R"({"status":"error","errorType":"bad_data","error":"parse \u001b[2J"})", plain());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::unavailable);
  CHECK(refused.error().message.find('\x1b') == std::string::npos);
  for (const auto& body : std::vector<std::string>{
           "", "[]", R"({"status":"success","data":{"resultType":"matrix","result":[]}})",
           vector("{\"metric\":{\"__name__\":\"requests_total\",\"pod\":\"a\"},\"value\":[1.5,\"NaN\"]}"),
           vector("{\"metric\":{\"__name__\":\"requests_total\",\"pod\":\"a\"},\"value\":[1.5,3]}")}) {
    CAPTURE(body);
    const auto answer = parse_query(body, plain());
    REQUIRE_FALSE(answer);
    CHECK((answer.error().kind == Error::Kind::unavailable || answer.error().kind == Error::Kind::corrupt));
  }
}

TEST_CASE("what Prometheus answers over a range") {
  const auto matrix = [](const std::string& items) {
    return "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[" + items + "]}}";
  };
  const auto fine = parse_range(matrix("{\"metric\":{\"__name__\":\"requests_total\",\"pod\":\"a\",\"code\":\"200\"},"
                                       "\"values\":[[1000,\"10\"],[1060,\"30\"]]},"
                                       "{\"metric\":{\"__name__\":\"requests_total\",\"pod\":\"a\",\"code\":\"500\"},"
                                       "\"values\":[[1060.4,\"2\"]]}"),
                                plain(), 1000, 60, 3);
  REQUIRE(fine);
  REQUIRE(fine->size() == 3);
  CHECK(fine->at(0).at("a").requests == 10);
  CHECK(fine->at(1).at("a").requests == 32);
  CHECK(fine->at(1).at("a").errors == 2);
  CHECK(fine->at(2).empty());
  for (const auto& body : std::vector<std::string>{
           "", R"({"status":"success","data":{"resultType":"vector","result":[]}})",
           matrix("{\"metric\":{\"__name__\":\"requests_total\",\"pod\":\"a\"},\"values\":[[1180,\"1\"]]}"),
           matrix("{\"metric\":{\"__name__\":\"requests_total\",\"pod\":\"a\"},\"values\":[[900,\"1\"]]}"),
           matrix("{\"metric\":{\"__name__\":\"requests_total\",\"pod\":\"a\"},\"values\":[[1000,\"-1\"]]}"),
           matrix("{\"metric\":{\"__name__\":\"requests_total\",\"pod\":\"a\"},\"values\":[[\"x\",\"1\"]]}")}) {
    CAPTURE(body);
    const auto answer = parse_range(body, plain(), 1000, 60, 3);
    REQUIRE_FALSE(answer);
    CHECK((answer.error().kind == Error::Kind::unavailable || answer.error().kind == Error::Kind::corrupt));
  }
}

TEST_CASE("blocks between points leave out pods that vanished or began anew") {
  const auto pod = [](double requests, double bad) {
    return PodCounters{requests, {RawCount{requests, requests - bad}}};
  };
  const std::vector<ArmCounters> points{{{"a", pod(100, 1)}, {"b", pod(50, 0)}, {"c", pod(10, 0)}},
                                        {{"a", pod(160, 3)}, {"b", pod(5, 0)}},
                                        {},
                                        {{"a", pod(200, 3)}}};
  const auto blocks = blocks_between(points);
  REQUIRE(blocks.size() == 1);
  REQUIRE(blocks[0].size() == 1);
  CHECK(blocks[0][0].pod == "a");
  CHECK(blocks[0][0].metrics[0].requests == 60);
  CHECK(blocks[0][0].metrics[0].events == 2);
}

TEST_CASE("a query takes names literally") {
  CHECK(instant_query(plain(), "fraud", {"credit-risk-3f9c2a17be", "a.b"}) ==
        "{__name__=~\"requests_total|seconds_bucket\",namespace=\"fraud\","
        "pod=~\"credit-risk-3f9c2a17be-.*|a\\\\.b-.*\"}");
}
