#include "deploy/rollout/user_metrics.h"

#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "deploy/rollout/gateway.h"

using namespace mlctl;
using namespace mlctl::deploy;

namespace {

std::string vector_of(const std::string& items) {
  return R"({"status":"success","data":{"resultType":"vector","result":[)" + items + "]}}";
}

std::string counter(const std::string& pod, const std::string& which, const std::string& value) {
  return R"({"metric":{"pod":")" + pod + R"(","mlctl_counter":")" + which + R"("},"value":[1.5,")" + value + "\"]}";
}

std::string answered(const std::string& arm, const std::string& code, const std::string& value) {
  return R"({"metric":{"mlctl_arm":")" + arm + R"(","code":")" + code + R"("},"value":[1.5,")" + value + "\"]}";
}

}  // namespace

TEST_CASE("both counters of a metric are asked for at one instant") {
  const UserMetric metric{{"declined", 1.5, std::nullopt, {5}},
                          R"(sum by (pod) (ok_total{namespace="{namespace}", pod=~"{pods}"}) # of us)",
                          R"(sum by (pod) (all_total{pod=~"{pods}"}))"};
  CHECK(metric_query(metric, "fraud", {"m-aaaa", "m-bbbb"}) ==
        "label_replace((\nsum by (pod) (ok_total{namespace=\"fraud\", pod=~\"m-aaaa-.*|m-bbbb-.*\"}) # of us\n), "
        "\"mlctl_counter\", \"good\", \"\", \"\") or label_replace((\nsum by (pod) "
        "(all_total{pod=~\"m-aaaa-.*|m-bbbb-.*\"})\n), \"mlctl_counter\", \"total\", \"\", \"\")");
}

TEST_CASE("what a metric of the user's own yields") {
  struct Case {
    const char* what;
    std::string items;
    PodRawCounts counts;
  };
  for (const auto& c : std::vector<Case>{
           {"a good and a total counter for each pod",
            counter("a", "total", "10") + "," + counter("a", "good", "9") + "," + counter("b", "good", "4") + "," +
                counter("b", "total", "4"),
            {{"a", {10, 9}}, {"b", {4, 4}}}},
           {"several series of a pod are summed",
            counter("a", "total", "10") + "," + counter("a", "total", "5") + "," + counter("a", "good", "9"),
            {{"a", {15, 9}}}},
           {"a pod without a good one has had nothing good", counter("a", "total", "3"), {{"a", {3, 0}}}},
           {"a pod without a total is not known", counter("a", "good", "3"), {}},
           {"nothing", "", {}},
       }) {
    INFO(std::string(c.what));
    const auto counts = parse_metric(vector_of(c.items));
    REQUIRE(counts);
    CHECK(*counts == c.counts);
  }
  struct Bad {
    const char* what;
    std::string body, message;
  };
  for (const auto& c : std::vector<Bad>{
           {"no label pod", vector_of(R"({"metric":{"mlctl_counter":"good"},"value":[1,"2"]})"), "no label `pod`"},
           {"a ratio that divided by nothing", vector_of(counter("a", "good", "NaN")), "pod a is no counter"},
           {"what falls below zero", vector_of(counter("a", "total", "-1")), "pod a is no counter"},
           {"Prometheus does not understand it",
            R"({"status":"error","errorType":"bad_data","error":"unexpected \"or\""})", "Prometheus says bad_data"},
           {"nonsense", "[]", "no list of series"},
       }) {
    INFO(std::string(c.what));
    const auto counts = parse_metric(c.body);
    REQUIRE_FALSE(counts);
    CHECK(counts.error().message.find(c.message) != std::string::npos);
  }
}

TEST_CASE("a metric over a range, place by place") {
  const auto points = parse_metric_range(
      R"({"status":"success","data":{"resultType":"matrix","result":[
         {"metric":{"pod":"a","mlctl_counter":"total"},"values":[[100,"5"],[160,"9"]]},
         {"metric":{"pod":"a","mlctl_counter":"good"},"values":[[160,"8"]]}]}})",
      100, 60, 3);
  REQUIRE(points);
  CHECK(*points == std::vector<PodRawCounts>{{{"a", {5, 0}}}, {{"a", {9, 8}}}, {}});
}

TEST_CASE("what a gateway counts of both arms") {
  const auto& traefik = *find_gateway("traefik");
  CHECK(gateway_query(traefik, "fraud", "m-aaaa", "m-bbbb") ==
        "label_replace(sum by (code) "
        "(traefik_service_requests_total{service=~\".*-svc-fraud-m-aaaa-[0-9]+@kubernetesgateway\"}), \"mlctl_arm\", "
        "\"stable\", \"\", \"\") or label_replace(sum by (code) "
        "(traefik_service_requests_total{service=~\".*-svc-fraud-m-bbbb-[0-9]+@kubernetesgateway\"}), \"mlctl_arm\", "
        "\"canary\", \"\", \"\")");
  const auto counts = parse_gateway(vector_of(answered("stable", "200", "90") + "," + answered("stable", "500", "4") +
                                              "," + answered("canary", "200", "7") + "," +
                                              answered("canary", "502", "1") + "," + answered("canary", "504", "2")),
                                    traefik);
  REQUIRE(counts);
  CHECK(*counts == BlockCounts{{94, 0}, {10, 3}});
  CHECK_FALSE(parse_gateway(vector_of(answered("canary", "200", "NaN")), traefik));
}
