#include "deploy/cluster/routes.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "tests/deploy/cluster/memory_cluster.h"

using namespace mlctl;
using namespace mlctl::deploy;
using Json = nlohmann::ordered_json;

namespace {

const char* const at = "/apis/gateway.networking.k8s.io/v1/namespaces/fraud/httproutes/";

Json condition(const std::string& type, const std::string& status, int generation) {
  return {{"type", type},
          {"status", status},
          {"observedGeneration", generation},
          {"reason", "NoMatchingParent"},
          {"message", "no listener"}};
}

Json route(const Json& parents) {
  return {{"metadata", {{"name", "a"}, {"namespace", "fraud"}, {"generation", 2}}}, {"status", {{"parents", parents}}}};
}

Json parent(const Json& conditions) {
  return {{"conditions", conditions}};
}

const Json accepted = parent({condition("Accepted", "True", 2), condition("ResolvedRefs", "True", 2)});
const Json refused = parent({condition("Accepted", "False", 2), condition("ResolvedRefs", "True", 2)});
const Json behind = parent({condition("Accepted", "True", 1), condition("ResolvedRefs", "True", 1)});
const Json wrong_before = parent({condition("Accepted", "False", 1), condition("ResolvedRefs", "True", 1)});

const Json undated = parent({{{"type", "Accepted"}, {"status", "True"}}});

Json by(const std::string& gateway, Json parent) {
  parent["parentRef"] = {{"name", gateway}};
  return parent;
}
Json of(const std::string& controller, const Json& one) {
  auto out = by("infra", one);
  out["controllerName"] = controller;
  return out;
}
Json accepted_by(const std::string& gateway) {
  return by(gateway, accepted);
}
Json refused_by(const std::string& gateway) {
  return by(gateway, refused);
}
Json route_to(const std::string& gateway, const Json& parents) {
  auto out = route(parents);
  out["spec"]["parentRefs"] = Json::array({{{"name", gateway}, {"namespace", "fraud"}}});
  return out;
}

}  // namespace

TEST_CASE("a route is followed when every gateway says so of what it is now") {
  struct Case {
    const char* what;
    Json route;
    bool told, followed;
    const char* trouble;
  };
  for (const auto& c : std::vector<Case>{
           {"nobody says anything", route(Json::array()), false, false, ""},
           {"no status at all", {{"metadata", {{"generation", 1}}}}, false, false, ""},
           {"one follows", route(Json::array({accepted})), true, true, ""},
           {"one is behind", route(Json::array({behind})), true, false, ""},
           {"one of two is behind", route(Json::array({accepted, behind})), true, false, ""},
           {"one refuses", route(Json::array({refused})), true, false, "Accepted: NoMatchingParent: no listener"},
           {"it refused what was before", route(Json::array({wrong_before})), true, false, ""},
           {"one that does not say of when", route(Json::array({undated})), false, false, ""},
           {"one that is not asked any more", route_to("infra", Json::array({accepted_by("infra"), refused_by("old")})),
            true, true, ""},
           {"nobody who is asked", route_to("infra", Json::array({refused_by("old")})), false, false, ""},
           {"what a former controller said of the same Gateway",
            route(Json::array({of("a", behind), of("b", accepted)})), true, true, ""},
           {"another controller that is as far", route(Json::array({of("a", refused), of("b", accepted)})), true, false,
            "Accepted: NoMatchingParent: no listener"},
           {"nonsense", route(Json::array({7})), false, false, ""},
       }) {
    CAPTURE(c.what);
    const auto status = route_status(c.route);
    CHECK(status.told == c.told);
    CHECK(status.followed == c.followed);
    CHECK(status.trouble == c.trouble);
  }
}

TEST_CASE("whoever wrote a route waits until it is followed, and for nobody who says nothing") {
  struct Case {
    const char* what;
    Json first, then;  // after ten seconds
    std::string error;
    int seconds_at_most;
  };
  for (const auto& c : std::vector<Case>{
           {"at once", route(Json::array({accepted})), {}, "", 0},
           {"a moment later", route(Json::array({behind})), route(Json::array({accepted})), "", 11},
           {"refused, and mended", route(Json::array({refused})), route(Json::array({accepted})), "", 11},
           {"refused", route(Json::array({refused})), route(Json::array({refused})),
            "HTTPRoute fraud/a: its gateway says: Accepted: NoMatchingParent: no listener", 61},
           {"stuck", route(Json::array({behind})), route(Json::array({behind})),
            "HTTPRoute fraud/a: its gateway does not say that it follows it, after 1 min", 61},
           {"no gateway", route(Json::array()), route(Json::array()), "", 6},
       }) {
    CAPTURE(c.what);
    test::MemoryCluster cluster;
    ManualClock clock;
    cluster.objects[std::string(at) + "a"] = c.first;
    cluster.before = [&](const ApiRequest&) {
      if (clock.steady().time_since_epoch() >= std::chrono::seconds(10))
        cluster.objects[std::string(at) + "a"] = c.then;
    };
    const auto errors =
        wait_for_routes({{"gateway.networking.k8s.io/v1", "HTTPRoute", "fraud", "a"}}, cluster, clock, no_progress());
    REQUIRE(errors.size() == 1);
    CHECK((errors[0] ? errors[0]->message : "") == c.error);
    CHECK(clock.steady().time_since_epoch() <= std::chrono::seconds(c.seconds_at_most));
  }
}

TEST_CASE("a server that fails for a moment is no word about a route") {
  struct Case {
    const char* what;
    int failures, status;
    bool error;
  };
  for (const auto& c : {Case{"one 500, and then it is followed", 1, 500, false},
                        Case{"503 for ever", 1'000'000, 503, true}, Case{"forbidden", 1, 403, true}}) {
    CAPTURE(c.what);
    test::MemoryCluster cluster;
    ManualClock clock;
    cluster.objects[std::string(at) + "a"] = route(Json::array({accepted}));
    int left = c.failures;
    cluster.after = [&](const ApiRequest&, ApiAnswer answer) -> Result<ApiAnswer> {
      if (left-- <= 0) return answer;
      return ApiAnswer{c.status, R"({"kind":"Status","message":"it is not allowed by the server"})", {}};
    };
    const auto errors =
        wait_for_routes({{"gateway.networking.k8s.io/v1", "HTTPRoute", "fraud", "a"}}, cluster, clock, no_progress());
    REQUIRE(errors.size() == 1);
    CHECK(errors[0].has_value() == c.error);
    CHECK((clock.steady().time_since_epoch() >= std::chrono::minutes(1)) == (c.failures > 1));
  }
}
