// Against the API server that KUBECONFIG leads to: tests/deploy/api_server_test.sh starts one.
#include <doctest/doctest.h>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "deploy/cluster/http_cluster.h"
#include "deploy/cluster/watch.h"

using namespace mlctl;
using namespace mlctl::deploy;
using Json = nlohmann::ordered_json;
using std::chrono::seconds;

namespace {

constexpr const char* folder = "/api/v1/namespaces/default/configmaps";

struct Fixture {
  Connection there = *connect_context("test", "", system_clock());
  Cluster& cluster = *there.cluster;

  void send(const std::string& method, const std::string& path, const std::string& name, const std::string& value,
            const std::string& watched = "yes") {
    const Json object = {{"metadata", {{"name", name}, {"labels", {{"watched", watched}}}}},
                         {"data", {{"value", value}}}};
    const auto answer =
        send_one(cluster, {.method = method,
                           .path = path,
                           .body = method == "DELETE" ? "" : object.dump(),
                           .content_type = method == "PUT" || method == "POST" ? "application/json" : "",
                           .about = name});
    REQUIRE(answer);
  }
  void make(const std::string& name, const std::string& watched = "yes") { send("POST", folder, name, "1", watched); }
  void change(const std::string& name) { send("PUT", std::string(folder) + "/" + name, name, "2"); }
  void remove(const std::string& name) { send("DELETE", std::string(folder) + "/" + name, name, ""); }

  static ListQuery query() { return {{"v1", "ConfigMap", "configmaps", true}, "default", "watched=yes"}; }
  static SteadyTime in(Duration time) { return system_clock().steady() + time; }
};

std::string known(const std::map<ObjectKey, Json>& objects) {
  std::string out;
  for (const auto& [key, object] : objects)
    out += (out.empty() ? "" : " ") + key.name + "=" + object["data"]["value"].get<std::string>();
  return out;
}

}  // namespace

// Both are run by name alone.
TEST_CASE("a real API server tells what changes, and a second stream what another missed" * doctest::skip()) {
  Fixture f;
  f.make("watched-a");
  std::vector<std::string> told;  // a watch that falls back to asking says so
  WatchOptions options;
  options.told = [&](const std::string& line) { told.push_back(line); };
  Watch watch(f.cluster, system_clock(), {{.list = Fixture::query()}}, options);
  REQUIRE(*watch.wait(Fixture::in(seconds(30))));
  CHECK(known(watch.objects(0)) == "watched-a=1");
  CHECK(!*watch.wait(Fixture::in(seconds(1))));
  struct Case {
    std::function<void()> what;
    std::string known;
  };
  for (const auto& c : std::vector<Case>{{[&] { f.make("watched-b"); }, "watched-a=1 watched-b=1"},
                                         {[&] { f.change("watched-a"); }, "watched-a=2 watched-b=1"},
                                         {[&] { f.remove("watched-b"); }, "watched-a=2"}}) {
    c.what();
    REQUIRE(*watch.wait(Fixture::in(seconds(30))));
    CHECK(known(watch.objects(0)) == c.known);
  }
  CHECK(told.empty());
  f.remove("watched-a");
  CHECK(*watch.wait(Fixture::in(seconds(30))));
}

TEST_CASE("a real API server sends bookmarks, and answers 410 to a version that it has forgotten" * doctest::skip()) {
  Fixture f;
  const ListQuery routes{{"gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes", true}, "default", ""};
  const auto list = list_all(f.cluster, {Fixture::query()});
  REQUIRE(list);
  const auto now = [] { return system_clock().steady(); };
  const auto open = [&](const ListQuery& query, WatchState& state) {
    const auto id = f.cluster.open_stream({.path = path_of(query.resource, query.name_space),
                                           .query = {{"watch", "true"},
                                                     {"allowWatchBookmarks", "true"},
                                                     {"resourceVersion", state.version()},
                                                     {"labelSelector", query.label_selector},
                                                     {"timeoutSeconds", "6"}},
                                           .about = "watch"});
    state.opened(now());
    return *id;
  };
  // Two streams over one connection: one from now on, one from before its kind was known here.
  WatchState fresh(Fixture::query(), seconds(2), 1), old(routes, seconds(2), 1);
  CHECK(!fresh.listed(list->front(), now()));
  CHECK(!old.listed({{}, "1"}, now()));
  open(Fixture::query(), fresh);
  const auto old_id = open(routes, old);
  const auto begun = fresh.version();
  bool ended = false, over = false, bookmark = false;
  const auto until = Fixture::in(seconds(20));
  while ((!ended || !over) && now() < until) {
    f.make("elsewhere", "no");  // what the first one does not hear of, but the version moves on
    f.remove("elsewhere");
    for (const auto& part : f.cluster.listen(Fixture::in(seconds(1)))) {
      bookmark = bookmark || part.bytes.find("\"BOOKMARK\"") != std::string::npos;
      if (part.stream == old_id) {
        over = over || (!part.bytes.empty() && old.heard(part.bytes, now()).over);
        continue;
      }
      if (!part.bytes.empty()) CHECK(!fresh.heard(part.bytes, now()).changed);
      if (!part.end) continue;
      fresh.ended(*part.end, now());
      ended = true;
    }
  }
  CHECK(bookmark);
  CHECK(fresh.version() != begun);
  CHECK(ended);  // by the server, in good order
  CHECK(fresh.want(now()) == WatchState::Want::watch);
  CHECK(over);
  CHECK(old.due() <= now() + seconds(2));
  CHECK(old.want(old.due()) == WatchState::Want::list);
  const auto again = list_all(f.cluster, {routes});
  REQUIRE(again);
  CHECK(!old.listed(again->front(), old.due()));
  CHECK(old.want(old.due()) == WatchState::Want::watch);
  CHECK(old.version() == again->front().resource_version);
}
