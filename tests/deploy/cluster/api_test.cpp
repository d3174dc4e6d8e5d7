// Errors, discovery and lists: what is above the seam.
#include "deploy/cluster/api.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/filesystem.h"
#include "deploy/cluster/discovery.h"
#include "deploy/cluster/list.h"
#include "tests/deploy/cluster/fake_cluster.h"

using namespace mlctl;
using namespace mlctl::deploy;
using Json = nlohmann::ordered_json;

namespace {

std::string status_body(const std::string& rest) {
  return R"({"kind":"Status","apiVersion":"v1","status":"Failure",)" + rest + "}";
}

constexpr const char* kinds = R"({"kind":"APIGroupDiscoveryList","items":[
  {"metadata":{"name":"apps"},"versions":[{"version":"v1","resources":[
    {"resource":"deployments","responseKind":{"kind":"Deployment"},"scope":"Namespaced"}]}]}]})";
constexpr const char* core = R"({"kind":"APIGroupDiscoveryList","items":[
  {"metadata":{},"versions":[{"version":"v1","resources":[
    {"resource":"namespaces","responseKind":{"kind":"Namespace"},"scope":"Cluster"},
    {"resource":"services","responseKind":{"kind":"Service"},"scope":"Namespaced"}]}]}]})";

Resource services() {
  return {"v1", "Service", "services", true};
}

std::string page(const std::vector<std::string>& names, const std::string& next = "") {
  Json items = Json::array();
  for (const auto& name : names) items.push_back({{"metadata", {{"name", name}}}});
  return Json({{"metadata", {{"resourceVersion", "7"}, {"continue", next}}}, {"items", items}}).dump();
}

std::vector<std::string> names_of(const Listing& listing) {
  std::vector<std::string> out;
  for (const auto& item : listing.items) out.push_back(to_string(key_of(item)));
  return out;
}

}  // namespace

TEST_CASE("an error says which object, and what to do") {
  struct Case {
    const char* what;
    int status;
    std::string body;
    Error::Kind kind;
    std::string message, hint;
  };
  using Kind = Error::Kind;
  const std::string at = "Deployment fraud/a: ";
  for (
      const auto& c : std::vector<Case>{
          {"unknown to the cluster", 401, "", Kind::credentials, "context test: the cluster does not know who asks",
           "the token or the certificate may have expired: log in again, then `kubectl --context test auth whoami` "
           "shows who you are"},
          {"RBAC", 403,
           status_body(
               R"("reason":"Forbidden","message":"deployments.apps \"a\" is forbidden: User \"ci\" cannot patch resource \"deployments\" in API group \"apps\" in the namespace \"fraud\"","details":{"group":"apps","kind":"deployments"})"),
           Kind::credentials,
           at + "deployments.apps \"a\" is forbidden: User \"ci\" cannot patch resource \"deployments\" in API group "
                "\"apps\" in the namespace \"fraud\"",
           R"(a Role or ClusterRole that allows it has the rule {apiGroups: ["apps"], resources: [deployments], verbs: [create, patch]})"},
          {"quota", 403,
           status_body(R"("reason":"Forbidden","message":"pods \"a\" is forbidden: exceeded quota: mlctl")"),
           Kind::denied, at + "pods \"a\" is forbidden: exceeded quota: mlctl",
           "raise the quota of the tenant, or ask for less"},
          {"namespace terminating", 403,
           status_body(
               R"("reason":"Forbidden","message":"x","details":{"causes":[{"reason":"NamespaceTerminating"}]})"),
           Kind::denied, at + "its namespace is being deleted", "wait until it is gone, then run the command again"},
          {"webhook", 400, status_body(R"("message":"admission webhook \"w\" denied the request: no\u001b[2J")"),
           Kind::denied, at + "admission webhook \"w\" denied the request: no\\x1b[2J",
           "the cluster's admission says no"},
          {"field managers", 409, status_body(R"("reason":"Conflict","message":"x","details":{"causes":[
              {"reason":"FieldManagerConflict","message":"conflict with \"kubectl-edit\" using apps/v1","field":".spec.replicas"},
              {"reason":"FieldManagerConflict","message":"conflict","field":".spec.paused"}]})"),
           Kind::conflict,
           at + "fields that others own:\n  .spec.replicas of kubectl-edit\n  .spec.paused of somebody else",
           "`--force-conflicts` takes them over, if they are to be mlctl's"},
          {"somebody was faster", 409, status_body(R"("reason":"Conflict","message":"x")"), Kind::conflict,
           at + "changed by somebody else meanwhile", "run the command again"},
          {"no such namespace", 404, status_body(R"("reason":"NotFound","message":"namespaces \"fraud\" not found")"),
           Kind::not_found, at + "namespaces \"fraud\" not found", ""},
          {"no such kind", 404, "404 page not found\n", Kind::not_found, at + "the cluster does not know this kind",
           "its CustomResourceDefinition is not installed there"},
          {"invalid", 422,
           status_body(
               R"("reason":"Invalid","message":"Deployment is invalid: spec.a: no","details":{"causes":[{"field":"spec.b","message":"wrong"}]})"),
           Kind::usage, at + "Deployment is invalid: spec.a: no\n  spec.b: wrong",
           "the cluster does not take the object as it is rendered"},
          {"too large", 413, "", Kind::usage, at + "larger than the cluster takes", ""},
          {"too large for etcd", 500, status_body(R"("message":"etcdserver: request is too large")"), Kind::usage,
           at + "larger than the cluster takes", ""},
          {"too large to be sent to etcd", 500,
           status_body(R"("message":"rpc error: desc = trying to send message larger than max 2247474 vs. 2097152")"),
           Kind::usage, at + "larger than the cluster takes", ""},
          {"trouble", 503, "<html>", Kind::unavailable, at + "the server answers 503: status 503",
           "run the command again later"},
      }) {
    CAPTURE(c.what);
    const test::FakeCluster cluster;
    const ApiRequest request{.method = "PATCH", .path = "/apis/x", .about = "Deployment fraud/a"};
    const auto error = error_of(cluster, request, {c.status, c.body, {}});
    CHECK(error.kind == c.kind);
    CHECK(error.message == c.message);
    CHECK(error.hint == c.hint);
  }
}

TEST_CASE("kinds are found in two requests, and paths follow from them") {
  test::FakeCluster cluster;
  cluster.on("GET /api", 200, core);
  cluster.on("GET /apis", 200, kinds);
  ManualClock clock;
  Discovery discovery(cluster, clock, {}, "https://k");
  const auto deployment = discovery.find("apps/v1", "Deployment");
  REQUIRE(deployment);
  CHECK(path_of(*deployment, {"apps/v1", "Deployment", "fraud", "a/b"}) ==
        "/apis/apps/v1/namespaces/fraud/deployments/a%2Fb");
  CHECK(path_of(*deployment, "") == "/apis/apps/v1/deployments");
  CHECK(path_of(*discovery.find("v1", "Namespace"), {"v1", "Namespace", "", "a"}) == "/api/v1/namespaces/a");
  CHECK((*discovery.find_group_kind("apps", "Deployment"))->api_version == "apps/v1");
  CHECK(!*discovery.find_group_kind("apps", "Other"));
  const auto route = discovery.find("gateway.networking.k8s.io/v1", "HTTPRoute");
  REQUIRE(!route);
  CHECK(route.error().message == "context test: the cluster does not know HTTPRoute in gateway.networking.k8s.io/v1");
  CHECK(route.error().hint == "install the Gateway API there, or take `route:` from the environment");
  CHECK(cluster.lines == std::vector<std::string>{"GET /api", "GET /apis"});
}

TEST_CASE("kinds are kept for ten minutes; one that is missed there is asked for again") {
  const auto folder = *TemporaryFolder::create();
  ManualClock clock;
  test::FakeCluster cluster;
  cluster.on("GET /api", 200, core);
  cluster.on("GET /apis", 200, R"({"kind":"APIGroupDiscoveryList","items":[]})");
  cluster.on("GET /apis", 200, kinds);
  const auto find = [&](const char* version, const char* kind) {
    return static_cast<bool>(Discovery(cluster, clock, folder.path(), "https://k").find(version, kind));
  };
  CHECK(find("v1", "Service"));
  CHECK(find("v1", "Service"));
  CHECK(cluster.lines.size() == 2);
  CHECK(find("apps/v1", "Deployment"));
  CHECK(cluster.lines.size() == 4);
  CHECK(find("apps/v1", "Deployment"));
  CHECK(cluster.lines.size() == 4);
  clock.advance(std::chrono::minutes(11));
  CHECK(find("apps/v1", "Deployment"));
  CHECK(cluster.lines.size() == 6);
  CHECK(!Discovery(cluster, clock, {}, "https://k").find("v1", "None"));
}

TEST_CASE("what is no list of kinds is refused") {
  for (const char* body : {"", "[]", R"({"kind":"APIGroupList"})", "<html>"}) {
    CAPTURE(body);
    CHECK(!parse_discovery(body));
  }
  CHECK(parse_discovery(R"({"kind":"APIGroupDiscoveryList","items":[1,{"versions":[{"resources":[[]]}]}]})")->empty());
}

TEST_CASE("lists are read page by page, several side by side") {
  test::FakeCluster cluster;
  cluster.on("GET /api/v1/services?limit=500&labelSelector=a=b", 200, page({"a", "b"}, "next"));
  cluster.on("GET /api/v1/services?limit=500&labelSelector=a=b&continue=next", 200, page({}, "last"));
  cluster.on("GET /api/v1/services?limit=500&labelSelector=a=b&continue=last", 200, page({"c"}));
  cluster.on("GET /api/v1/namespaces/n/services?limit=500", 200, R"({"metadata":{},"items":null})");
  const auto lists = list_all(cluster, {{services(), "", "a=b"}, {services(), "n", ""}});
  REQUIRE(lists);
  CHECK(names_of(lists->at(0)) == std::vector<std::string>{"Service a", "Service b", "Service c"});
  CHECK(lists->at(0).resource_version == "7");
  CHECK(lists->at(1).items.empty());
  CHECK(cluster.batches == 3);
}

TEST_CASE("every value of an object is there, in the order of the server, and the last of two that have one name") {
  const std::string item =
      R"({"metadata":{"name":"a","labels":{"z":"1","a":"ü\n\"","m":""}},"spec":{"n":[[],[1,-2,0.5,{"x":null}],true],)"
      R"("empty":{},"twice":1,"b":{"c":{"d":[{"e":"f"}]}},"twice":{"g":2}},"status":{"a":1,"b":2,"c":3,"d":4,"e":5}})";
  test::FakeCluster cluster;
  cluster.on("GET /api/v1/services", 200, R"({"metadata":{},"items":[)" + item + "]}");
  const auto lists = list_all(cluster, {{services(), "", ""}});
  REQUIRE(lists);
  CHECK(lists->front().items.front().dump() ==
        R"({"metadata":{"name":"a","labels":{"z":"1","a":"ü\n\"","m":""}},"spec":{"n":[[],[1,-2,0.5,{"x":null}],true],)"
        R"("empty":{},"b":{"c":{"d":[{"e":"f"}]}},"twice":{"g":2}},"status":{"a":1,"b":2,"c":3,"d":4,"e":5},)"
        R"("apiVersion":"v1","kind":"Service"})");
}

TEST_CASE("field owners are left out where nobody asks for them") {
  test::FakeCluster cluster;
  cluster.on("GET /api/v1/services", 200,
             R"({"metadata":{},"items":[{"metadata":{"name":"a","managedFields":[{"manager":"kubectl"}]}}]})");
  ListQuery query{services(), "", ""};
  CHECK(list_all(cluster, {query})->front().items.front()["metadata"]["managedFields"].is_null());
  query.with_owners = true;
  CHECK(list_all(cluster, {query})->front().items.front()["metadata"]["managedFields"][0]["manager"] == "kubectl");
}

TEST_CASE("a continuation that has expired begins again, twice at most") {
  const std::string gone = status_body(R"("reason":"Expired","message":"too old")");
  test::FakeCluster cluster;
  cluster.on("GET /api/v1/services?limit=500", 200, page({"a"}, "old"));
  cluster.on("GET /api/v1/services?limit=500&continue=old", 410, gone);
  cluster.on("GET /api/v1/services?limit=500&continue=old", 200, page({"b"}));
  const auto lists = list_all(cluster, {{services(), "", ""}});
  REQUIRE(lists);
  CHECK(names_of(lists->front()) == std::vector<std::string>{"Service a", "Service b"});

  test::FakeCluster never;
  never.on("GET /api/v1/services?limit=500", 200, page({"a"}, "old"));
  never.on("GET /api/v1/services?limit=500&continue=old", 410, gone);
  CHECK(list_all(never, {{services(), "", ""}}).error().kind == Error::Kind::unavailable);
  CHECK(never.lines.size() == 6);
}

TEST_CASE("what is no list is refused, and a server's no is said") {
  for (const char* body : {"", "[]", "{}", R"({"metadata":{},"items":{}})", R"({"metadata":{},"items":[1]})"}) {
    CAPTURE(body);
    test::FakeCluster cluster;
    cluster.on("GET /api/v1/services", 200, body);
    CHECK(list_all(cluster, {{services(), "", ""}}).error().message == "list of services: not a list of objects");
  }
  test::FakeCluster cluster;
  cluster.on("GET /api/v1/services", 401, "");
  CHECK(list_all(cluster, {{services(), "", ""}}).error().kind == Error::Kind::credentials);
}
