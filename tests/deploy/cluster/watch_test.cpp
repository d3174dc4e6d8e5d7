#include "deploy/cluster/watch.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/deploy/cluster/memory_cluster.h"

using namespace mlctl;
using namespace mlctl::deploy;
using Json = nlohmann::ordered_json;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

std::string path(const std::string& name) {
  return "/api/v1/namespaces/n/pods/" + name;
}

Json pod(const std::string& name, const std::string& phase = "Pending") {
  return {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata", {{"name", name}, {"namespace", "n"}}},
          {"status", {{"phase", phase}}}};
}

struct Fixture {
  ManualClock clock;
  test::MemoryCluster cluster;
  std::vector<std::string> told;
  std::unique_ptr<Watch> watch;

  Fixture() {
    cluster.clock = &clock;
    cluster.objects[path("a")] = pod("a");
  }
  void begin(bool optional = false) {
    watch = std::make_unique<Watch>(
        cluster, clock, std::vector<WatchQuery>{{.list = {{"v1", "Pod", "pods", true}, "n", ""}, .optional = optional}},
        WatchOptions{.told = [this](const std::string& line) { told.push_back(line); }, .seed = 1});
  }
  // "12.5 s: a=Pending"; "-" when nothing has changed by then.
  std::string next(Duration until = minutes(60)) {
    const auto changed = watch->wait(SteadyTime(until));
    if (!changed) return changed.error().message;
    if (!*changed) return "-";
    std::string out = human_duration(clock.steady().time_since_epoch()) + ":";
    for (const auto& [key, object] : watch->objects(0))
      out += " " + key.name + "=" + object["status"]["phase"].get<std::string>();
    return out;
  }
  void at(Duration when, std::function<void()> what) { cluster.at.emplace(when, std::move(what)); }
};

}  // namespace

TEST_CASE("what changes is seen when it does, with one list and one watch") {
  Fixture f;
  f.begin();
  f.at(seconds(7), [&] { f.cluster.objects[path("a")] = pod("a", "Running"); });
  f.at(seconds(90), [&] { f.cluster.objects[path("b")] = pod("b"); });
  f.at(seconds(91), [&] { f.cluster.objects.erase(path("a")); });
  CHECK(f.next() == "0 us: a=Pending");
  CHECK(f.next() == "7 s: a=Running");
  CHECK(f.next() == "1 min 30 s: a=Running b=Pending");
  CHECK(f.next() == "1 min 31 s: b=Pending");
  CHECK(f.next(seconds(100)) == "-");
  CHECK(f.cluster.lists == 1);
  CHECK(f.cluster.streams.size() == 1);
  f.watch.reset();
  CHECK(f.cluster.listening() == 0);
}

TEST_CASE("what happens while a connection is broken is seen once it is there again, without a list") {
  Fixture f;
  f.begin();
  f.at(seconds(5), [&] {
    f.cluster.cut_streams();
    f.cluster.objects[path("b")] = pod("b");
  });
  CHECK(f.next() == "0 us: a=Pending");
  CHECK(f.next().ends_with(": a=Pending b=Pending"));
  CHECK(f.clock.steady().time_since_epoch() < seconds(7));
  CHECK(f.cluster.lists == 1);
}

TEST_CASE("what a server has forgotten in the meantime is listed again") {
  Fixture f;
  f.begin();
  f.at(seconds(5), [&] {
    f.cluster.cut_streams();
    f.cluster.objects.erase(path("a"));
    f.cluster.objects[path("b")] = pod("b");
    f.cluster.forget();
  });
  f.at(seconds(20), [&] { f.cluster.objects[path("c")] = pod("c"); });
  CHECK(f.next() == "0 us: a=Pending");
  CHECK(f.next().ends_with(": b=Pending"));
  CHECK(f.cluster.lists == 2);
  CHECK(f.next() == "20 s: b=Pending c=Pending");
  CHECK(f.cluster.lists == 2);
  CHECK(f.told.empty());
}

TEST_CASE("who may not watch, and who sits behind a proxy that holds streams back, is told once and sees it all") {
  Fixture f;
  SUBCASE("forbidden") {
    f.cluster.refuse_stream = [](const ApiRequest&) { return ApiAnswer{403, "{}", {}}; };
    f.begin();
    CHECK(f.next() == "0 us: a=Pending");
    f.cluster.objects[path("b")] = pod("b");
    CHECK(f.next() == "0 us: a=Pending b=Pending");
    f.cluster.objects.erase(path("a"));
    CHECK(f.next() == "2 s: b=Pending");
    CHECK(f.next(seconds(60)) == "-");
    CHECK(f.told == std::vector<std::string>{"nobody lets us watch pods (verb `watch`); looking every 2 s instead"});
    CHECK(f.cluster.streams.size() == 1);
  }
  SUBCASE("held back") {
    f.cluster.hold_streams = true;
    f.begin();
    CHECK(f.next() == "0 us: a=Pending");
    f.at(seconds(30), [&] { f.cluster.objects[path("b")] = pod("b"); });
    CHECK(f.next() == "2 min: a=Pending b=Pending");
    f.cluster.objects.erase(path("a"));
    CHECK(f.next() == "2 min 2 s: b=Pending");
    CHECK(f.told ==
          std::vector<std::string>{"the watch of pods does not tell what changes; looking every 2 s instead"});
    CHECK(f.cluster.listening() == 0);
  }
}

TEST_CASE("a list that cannot be had ends it, but for what may be left out") {
  Fixture f;
  f.cluster.after = [](const ApiRequest&, ApiAnswer) {
    const Json status = {{"kind", "Status"},
                         {"reason", "Forbidden"},
                         {"message", "pods is forbidden: User \"ci\" cannot list resource \"pods\" in API group \"\""}};
    return Result<ApiAnswer>(ApiAnswer{403, status.dump(), {}});
  };
  f.begin();
  CHECK(f.watch->wait(SteadyTime(minutes(1))).error().kind == Error::Kind::credentials);
  f.begin(true);
  CHECK(f.next() == "0 us:");
  CHECK(f.next() == "-");
  CHECK(f.clock.steady().time_since_epoch() == minutes(60));
  CHECK(f.cluster.lists == 2);
}

TEST_CASE("more lists than there are watches are asked for again and again") {
  Fixture f;
  std::vector<WatchQuery> queries(watches_limit + 1, {.list = {{"v1", "Pod", "pods", true}, "n", ""}});
  Watch watch(f.cluster, f.clock, queries, {.told = [&](const std::string& line) { f.told.push_back(line); }});
  REQUIRE(watch.wait(SteadyTime(seconds(9))));
  f.cluster.objects[path("b")] = pod("b");
  CHECK(*watch.wait(SteadyTime(seconds(9))));
  CHECK(f.clock.steady().time_since_epoch() == seconds(2));
  CHECK(f.cluster.streams.empty());
  CHECK(f.told.empty());
}
