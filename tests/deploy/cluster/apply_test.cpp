#include "deploy/cluster/apply.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "base/terminal.h"
#include "deploy/cluster/compare.h"
#include "deploy/cluster/health.h"
#include "tests/deploy/cluster/memory_cluster.h"
#include "tests/deploy/support.h"

using namespace mlctl;
using namespace mlctl::deploy;
using Json = nlohmann::ordered_json;

namespace {

constexpr const char* state_at = "/api/v1/namespaces/fraud/configmaps/mlctl-credit-risk";
registry::ModelName model() {
  return {"fraud", "credit-risk"};
}

// What staging should run: version 1.2.N of the model, by assignment N; 0 takes it away under `known`.
// `files`: of which version's files it is made.
Desired desired(std::uint64_t n, std::uint64_t known = 0, const std::string& yaml = "{rollout: {strategy: replace}}",
                std::uint64_t files = 0) {
  Desired out{"staging", {{model(), std::max(n, known)}}, {}};
  if (n == 0) return out;
  auto candidate = test::candidate(yaml);
  candidate.assignment = static_cast<std::int64_t>(n);
  candidate.digest.bytes.fill(static_cast<std::uint8_t>(files != 0 ? files : n));
  const auto environment = test::environment();
  const std::vector<Tenant> tenants{test::tenant("{name: fraud}")};
  const std::map<std::string, Runtime> runtimes{{"mlserver", test::runtime()}};
  auto planned = plan_files({candidate}, {environment, tenants, runtimes});
  REQUIRE(planned);
  out.files = std::move(*planned);
  // The environment of each Spec outlives this function: it is a copy.
  return out;
}

Desired with_route(std::uint64_t n, const std::string& yaml = "{rollout: {strategy: replace}}") {
  auto out = desired(n, 0, yaml);
  for (auto& file : out.files) {
    if (file.spec() == nullptr) continue;
    auto spec = *file.spec();
    spec.environment.route = Route{"infra", "public", "m.example", {}};
    auto made = file_of_spec(spec);
    REQUIRE(made);
    file = std::move(*made);
  }
  return out;
}

struct Run {
  test::MemoryCluster& cluster;
  std::string name = "ada";
  ManualClock clock{};
  bool wait = false;

  Result<ClusterPlan> plan(const Desired& what) {
    Discovery discovery(cluster, clock, {}, "test");
    return plan_cluster(cluster, discovery, {what, false, "2026-01-01T00:00:00Z", name});
  }
  Result<ClusterApplyReport> apply(const Desired& what) {
    Discovery discovery(cluster, clock, {}, "test");
    auto planned = plan_cluster(cluster, discovery, {what, false, "2026-01-01T00:00:00Z", name});
    if (!planned) return planned.error();
    for (const auto& owner : planned->owners)
      if (owner.refused) return *owner.refused;
    const ClusterApplyOptions options{.wait = wait, .run = name};
    return apply_cluster(what, *planned, {cluster, discovery, options, clock, no_progress()});
  }
  // What went wrong, or "".
  std::string outcome(const Desired& what) {
    auto report = apply(what);
    if (!report) return report.error().message;
    for (const auto& owner : report->owners)
      if (owner.error) return owner.error->message;
    return "";
  }
};

ModelState state_in(const test::MemoryCluster& cluster) {
  auto state = parse_state(cluster.objects.at(state_at));
  REQUIRE(state);
  return *state;
}

std::vector<std::string> deployments(const test::MemoryCluster& cluster) {
  std::vector<std::string> out;
  for (const auto& [path, object] : cluster.objects)
    if (object["kind"] == "Deployment") out.push_back(object["metadata"]["annotations"][assignment_annotation]);
  return out;
}

std::string without_revision(std::string text) {
  for (auto at = text.find("credit-risk-"); at != std::string::npos; at = text.find("credit-risk-", at + 1))
    text.replace(at + 12, 10, "R");
  return text;
}

std::vector<std::string> writes_of(test::MemoryCluster& cluster) {
  std::vector<std::string> out;
  for (const auto& line : std::exchange(cluster.writes, {})) out.push_back(without_revision(line));
  return out;
}

}  // namespace

TEST_CASE("a first apply makes what is needed before what needs it, between two writes of the state") {
  test::MemoryCluster cluster;
  CHECK(Run{cluster}.outcome(desired(1)) == "");
  CHECK(writes_of(cluster) ==
        std::vector<std::string>{
            "PATCH Namespace fraud", "POST state of fraud/credit-risk", "PATCH ServiceAccount fraud/credit-risk",
            "POST ControllerRevision fraud/credit-risk-R", "PATCH Service fraud/credit-risk-R",
            "PATCH Deployment fraud/credit-risk-R", "PATCH PodDisruptionBudget fraud/credit-risk-R",
            "PATCH Service fraud/credit-risk", "PUT state of fraud/credit-risk"});
  const auto state = state_in(cluster);
  CHECK(state.epoch == 1);
  CHECK(state.assignment == 1);
  CHECK(state.work.who.empty());
  CHECK(state.stable->version == "v1.2.3");
  CHECK(state.applied.size() == 5);
}

TEST_CASE("a second apply sends no write") {
  test::MemoryCluster cluster;
  REQUIRE(Run{cluster}.outcome(desired(1)) == "");
  cluster.writes.clear();
  CHECK(change_set(*Run{cluster}.plan(desired(1))).empty());
  CHECK(Run{cluster}.outcome(desired(1)) == "");
  CHECK(cluster.writes.empty());
}

TEST_CASE("a new revision takes the traffic when it is ready, and only then the old one goes") {
  test::MemoryCluster cluster;
  REQUIRE(Run{cluster}.outcome(desired(1)) == "");
  cluster.writes.clear();
  CHECK(Run{cluster}.outcome(desired(2)) == "");
  const auto writes = writes_of(cluster);
  const auto at = [&](const std::string& line) {
    return std::find(writes.begin(), writes.end(), line) - writes.begin();
  };
  CHECK(at("PATCH Deployment fraud/credit-risk-R") < at("PATCH Service fraud/credit-risk"));
  CHECK(at("PATCH Service fraud/credit-risk") < at("DELETE Deployment fraud/credit-risk-R"));
  CHECK(deployments(cluster) == std::vector<std::string>{"2"});
}

TEST_CASE("the same files under a newer number serve since they did first") {
  test::MemoryCluster cluster;
  Run run{cluster};
  REQUIRE(run.outcome(desired(1)) == "");
  const auto since = state_in(cluster).stable->since;
  run.clock.advance(std::chrono::hours(24));
  REQUIRE(run.outcome(desired(3, 0, "{rollout: {strategy: replace}}", 1)) == "");
  const auto again = *state_in(cluster).stable;
  CHECK(again.assignment == 3);
  CHECK(again.since == since);
  REQUIRE(run.outcome(desired(4)) == "");
  CHECK(state_in(cluster).stable->since != since);
}

TEST_CASE("pods that do not get ready leave the traffic where it was, and the next apply goes on") {
  test::MemoryCluster cluster;
  REQUIRE(Run{cluster}.outcome(desired(1)) == "");
  const auto serving = cluster.objects.at("/api/v1/namespaces/fraud/services/credit-risk")["spec"];
  cluster.pods_get_ready = false;
  CHECK(without_revision(Run{cluster}.outcome(desired(2))) ==
        "Deployment fraud/credit-risk-R is not ready after 10 min: its controller has not seen it yet\n"
        "v1.2.3 serves as before; Service fraud/credit-risk stays as it is");
  CHECK(cluster.objects.at("/api/v1/namespaces/fraud/services/credit-risk")["spec"] == serving);
  CHECK(deployments(cluster).size() == 2);
  const auto state = state_in(cluster);
  CHECK(state.stable->assignment == 1);
  CHECK(state.assignment == 2);
  CHECK(state.work.who.empty());
  cluster.pods_get_ready = true;
  for (auto& [path, object] : cluster.objects)
    if (object["kind"] == "Deployment")
      object["status"] = {{"observedGeneration", 9},
                          {"replicas", 1},
                          {"updatedReplicas", 1},
                          {"readyReplicas", 1},
                          {"availableReplicas", 1}};
  CHECK(Run{cluster}.outcome(desired(2)) == "");
  CHECK(deployments(cluster) == std::vector<std::string>{"2"});
}

TEST_CASE("a state that is made anew by force: the plan is what is done, and what serves goes last") {
  test::MemoryCluster cluster;
  REQUIRE(Run{cluster}.outcome(desired(1)) == "");
  cluster.objects.erase(state_at);
  const auto next = desired(2);
  ManualClock clock;
  Discovery discovery(cluster, clock, {}, "test");
  const auto planned = plan_cluster(cluster, discovery, {next, true, "2026-01-01T00:00:00Z", "ada"});
  REQUIRE(planned);
  std::vector<std::string> shown, done;
  for (const auto& owner : planned->owners)
    for (const auto& change : owner.changes)
      shown.push_back(std::to_string(static_cast<int>(change.change.kind)) + to_string(change.change.object));
  cluster.pods_get_ready = false;  // and so what serves must stay
  const ClusterApplyOptions options{.force_conflicts = true, .ready_limit = std::chrono::seconds(30), .run = "ada"};
  const auto stuck = apply_cluster(next, *planned, {cluster, discovery, options, clock, no_progress()});
  REQUIRE(stuck);
  CHECK(deployments(cluster) == std::vector<std::string>{"1", "2"});
  cluster.objects.erase(state_at);
  for (auto& [path, object] : cluster.objects)
    if (object["kind"] == "Deployment" && object["metadata"]["annotations"][assignment_annotation] == "2")
      object["status"] = {{"observedGeneration", object["metadata"]["generation"]},
                          {"replicas", 1},
                          {"updatedReplicas", 1},
                          {"readyReplicas", 1},
                          {"availableReplicas", 1}};
  const auto again = plan_cluster(cluster, discovery, {next, true, "2026-01-01T00:00:00Z", "ada"});
  REQUIRE(again);
  const auto report = apply_cluster(next, *again, {cluster, discovery, options, clock, no_progress()});
  REQUIRE(report);
  CHECK(deployments(cluster) == std::vector<std::string>{"2"});
  for (const auto* outcome : {&*stuck, &*report})
    for (const auto& owner : outcome->owners)
      for (const auto& change : owner.changes)
        done.push_back(std::to_string(static_cast<int>(change.kind)) + to_string(change.object));
  std::sort(shown.begin(), shown.end());
  std::sort(done.begin(), done.end());
  for (const auto& one : shown) {
    CAPTURE(one);
    CHECK(std::binary_search(done.begin(), done.end(), one));
  }
  CHECK(std::count_if(shown.begin(), shown.end(), [](const std::string& one) { return one.starts_with("2"); }) == 3);
}

TEST_CASE("a lower assignment is refused, also after everything was removed") {
  test::MemoryCluster cluster;
  REQUIRE(Run{cluster}.outcome(desired(2)) == "");
  CHECK(Run{cluster}.outcome(desired(1)) ==
        "fraud/credit-risk: the cluster carries assignment 2, newer than 1, the newest known here");
  CHECK(Run{cluster}.outcome(desired(0, 3)) == "");
  CHECK(deployments(cluster).empty());
  CHECK(!state_in(cluster).stable);
  CHECK(Run{cluster}.outcome(desired(2)) ==
        "fraud/credit-risk: the cluster carries assignment 3, newer than 2, the newest known here");
  CHECK(cluster.objects.count("/api/v1/namespaces/fraud") == 1);  // a tenant's is never pruned
}

TEST_CASE("what a killed apply left is taken over and finished") {
  bool killed = true;
  for (std::size_t die_at = 1; killed; ++die_at) {
    CAPTURE(die_at);
    test::MemoryCluster cluster;
    REQUIRE(Run{cluster}.outcome(desired(1)) == "");
    cluster.writes.clear();
    // From the Nth write on nothing of this process reaches the server any more.
    std::size_t seen = 0;
    cluster.after = [&](const ApiRequest&, ApiAnswer answer) { return Result<ApiAnswer>(std::move(answer)); };
    cluster.before = [&](const ApiRequest& request) {
      if (request.method != "GET" && ++seen == die_at) throw std::runtime_error("killed");
    };
    killed = false;
    try {
      static_cast<void>(Run{cluster, "dead"}.outcome(desired(2)));
    } catch (const std::runtime_error&) {
      killed = true;
    }
    REQUIRE((killed || die_at > 10));  // every write of an apply was the last one once
    cluster.before = nullptr;
    CHECK(Run{cluster, "next"}.outcome(desired(2)) == "");
    CHECK(deployments(cluster) == std::vector<std::string>{"2"});
    CHECK(state_in(cluster).work.who.empty());
    cluster.writes.clear();
    CHECK(Run{cluster, "next"}.outcome(desired(2)) == "");
    CHECK(cluster.writes.empty());
  }
}

TEST_CASE("whoever raises the epoch in the middle has the model, and the other one stops") {
  test::MemoryCluster cluster;
  REQUIRE(Run{cluster}.outcome(desired(1)) == "");
  bool done = false;
  cluster.before = [&](const ApiRequest& request) {
    if (done || request.method != "PATCH" || request.about.find("Deployment") == std::string::npos) return;
    done = true;
    CHECK(Run{cluster, "newer"}.outcome(desired(3)) == "");
  };
  CHECK(Run{cluster, "older"}.outcome(desired(2)) == "fraud/credit-risk was taken over");
  CHECK(state_in(cluster).stable->assignment == 3);
  CHECK(state_in(cluster).stable->run == "newer");
  CHECK(deployments(cluster) == std::vector<std::string>{"3"});  // what the older one made since is gone again
  const auto& service = cluster.objects.at("/api/v1/namespaces/fraud/services/credit-risk");
  CHECK(service["metadata"]["annotations"][assignment_annotation] == "3");
}

TEST_CASE("who loses a model leaves what the winner wants too") {
  for (const bool serves : {true, false}) {  // or is worked towards
    CAPTURE(serves);
    test::MemoryCluster cluster;
    REQUIRE(Run{cluster}.outcome(desired(1)) == "");
    bool done = false, dies = false;
    cluster.before = [&](const ApiRequest& request) {
      if (dies && request.about.find("PodDisruptionBudget") != std::string::npos) throw std::runtime_error("killed");
      if (done || request.method != "PATCH" || request.about.find("Deployment") == std::string::npos) return;
      done = true;
      dies = !serves;  // when its Deployment is there
      try {
        static_cast<void>(Run{cluster, "newer"}.apply(desired(3, 0, "{rollout: {strategy: replace}}", 2)));
      } catch (const std::runtime_error&) {
        CHECK(!serves);
      }
      dies = false;
    };
    static_cast<void>(Run{cluster, "older"}.apply(desired(2)));
    REQUIRE(done);
    CHECK(state_in(cluster).stable->assignment == (serves ? 3 : 1));
    const auto left = deployments(cluster);
    CHECK(std::count(left.begin(), left.end(), "2") == 1);  // who wrote last to what both want
    CHECK(Run{cluster, "newer"}.outcome(desired(3, 0, "{rollout: {strategy: replace}}", 2)) == "");
  }
}

TEST_CASE("who loses a model while traffic goes over removes neither what serves nor what served") {
  test::MemoryCluster cluster;
  REQUIRE(Run{cluster}.outcome(desired(1)) == "");
  bool traffic = false, taken = false;
  cluster.before = [&](const ApiRequest& request) {
    traffic = traffic || (request.method == "PATCH" && request.path.ends_with("/services/credit-risk"));
    if (!traffic || taken || request.method != "GET" || request.path != state_at) return;
    taken = true;  // the newer one has the state, and dies
    auto& object = cluster.objects.at(state_at);
    auto state = *parse_state(object);
    ++state.epoch;
    state.assignment = 3;
    state.work = {"newer", "2026-01-01T00:00:00Z", "cccccccccc"};
    const auto version = object["metadata"]["resourceVersion"].get<std::string>();
    object = to_object(state);
    object["metadata"]["resourceVersion"] = version + "1";
  };
  CHECK(Run{cluster, "older"}.outcome(desired(2)).find("was taken over") != std::string::npos);
  CHECK(taken);
  CHECK(deployments(cluster) == std::vector<std::string>{"1", "2"});
}

TEST_CASE("who loses a model that it has given traffic to clears up when the newer one serves") {
  test::MemoryCluster cluster;
  REQUIRE(Run{cluster}.outcome(desired(1)) == "");
  const auto first = "credit-risk-" + state_in(cluster).stable->revision;
  bool traffic = false, taken = false;
  cluster.before = [&](const ApiRequest& request) {
    traffic = traffic || (request.method == "PATCH" && request.path.ends_with("/services/credit-risk"));
    if (!traffic || taken || request.method != "GET" || request.path != state_at) return;
    taken = true;
    // The newer one read what is there before the older one made anything.
    std::map<std::string, Json> made;
    for (const auto& [path, object] : cluster.objects)
      if (path.find("/credit-risk-") != std::string::npos && path.find(first) == std::string::npos) made[path] = object;
    for (const auto& [path, object] : made) cluster.objects.erase(path);
    CHECK(Run{cluster, "newer"}.outcome(desired(3)) == "");
    cluster.objects.insert(made.begin(), made.end());
  };
  CHECK(Run{cluster, "older"}.outcome(desired(2)).find("was taken over") != std::string::npos);
  CHECK(taken);
  CHECK(deployments(cluster) == std::vector<std::string>{"3"});
}

TEST_CASE("what a newer run wrote between two reads is not removed by who read it last") {
  test::MemoryCluster cluster;
  REQUIRE(Run{cluster}.outcome(desired(1)) == "");
  const auto old = "/apis/apps/v1/namespaces/fraud/deployments/credit-risk-" + state_in(cluster).stable->revision;
  bool touched = false, taken = false, read = false;
  cluster.before = [&](const ApiRequest& request) {
    if (request.path == old && request.method == "DELETE" && !touched) {
      touched = true;  // a controller writes its status
      cluster.change(old, [](Json& object) { object["status"]["observedGeneration"] = 7; });
    } else if (touched && !taken && request.method == "GET" && (request.path == state_at || request.path == old)) {
      // Whichever is read first: then somebody goes back to the first version.
      if (!std::exchange(read, true)) return;
      taken = true;
      CHECK(Run{cluster, "undo"}.outcome(desired(3, 0, "{rollout: {strategy: replace}}", 1)) == "");
    }
  };
  CHECK(Run{cluster, "older"}.outcome(desired(2)).find("was taken over") != std::string::npos);
  CHECK(taken);
  CHECK(cluster.objects.count(old) == 1);
}

TEST_CASE("a state whose answer was lost is not taken for somebody else's") {
  test::MemoryCluster cluster;
  int puts = 0;
  cluster.before = [&](const ApiRequest& request) {
    if (request.method != "PUT" || request.path != state_at || ++puts != 1) return;
    // It arrives, the connection breaks, and the client sends it again: what it meets is its own.
    auto object = Json::parse(request.body);
    object["metadata"]["resourceVersion"] = "another";
    cluster.objects[state_at]["data"] = object["data"];
    cluster.change(state_at, [](Json&) {});
  };
  CHECK(Run{cluster}.outcome(desired(1)) == "");
  CHECK(puts >= 1);
  CHECK(state_in(cluster).stable->assignment == 1);
}

TEST_CASE("what a first apply gave traffic to is known to serve, also where its gateway was not seen to follow") {
  test::MemoryCluster cluster;
  cluster.after = [](const ApiRequest& request, ApiAnswer answer) -> Result<ApiAnswer> {
    if (request.method != "GET" || request.path.find("/httproutes/") == std::string::npos) return answer;
    return ApiAnswer{403, R"({"kind":"Status","reason":"Forbidden","message":"no"})", {}};
  };
  Run first{cluster, "ada", {}, true};
  CHECK(first.outcome(with_route(1, "{}")) != "");
  cluster.after = nullptr;
  REQUIRE(state_in(cluster).stable);
  CHECK(state_in(cluster).stable->assignment == 1);
  const auto plan = Run{cluster}.plan(with_route(2, "{}"));
  REQUIRE(plan);
  CHECK(std::any_of(plan->owners.begin(), plan->owners.end(),
                    [](const OwnerPlan& one) { return one.rollout == OwnerPlan::Rollout::begins; }));
}

TEST_CASE("who was slow with a first version does not write it over a newer one's") {
  test::MemoryCluster cluster;
  bool taken = false;
  cluster.before = [&](const ApiRequest& request) {
    if (taken || request.method != "PATCH" || request.about.find("PodDisruptionBudget") == std::string::npos) return;
    taken = true;  // the older one's pods are on their way
    CHECK(Run{cluster, "newer"}.outcome(desired(2)) == "");
  };
  CHECK(Run{cluster, "older"}.outcome(desired(1)).find("was taken over") != std::string::npos);
  CHECK(taken);
  CHECK(deployments(cluster) == std::vector<std::string>{"2"});
  CHECK(cluster.objects.at(
            "/api/v1/namespaces/fraud/services/credit-risk")["metadata"]["annotations"][assignment_annotation] == "2");
}

TEST_CASE("what served stays while the gateway does not follow, however often apply is run") {
  test::MemoryCluster cluster;
  REQUIRE(Run{cluster}.outcome(with_route(1)) == "");
  cluster.gateway_follows = false;
  for (const char* who : {"first", "second"}) {
    CAPTURE(who);
    CHECK(Run{cluster, who}.outcome(with_route(2)).find("does not say that it follows it") != std::string::npos);
    CHECK(deployments(cluster) == std::vector<std::string>{"1", "2"});
  }
  for (auto& [path, object] : cluster.objects)
    if (object["kind"] == "HTTPRoute")
      for (auto& condition : object["status"]["parents"][0]["conditions"])
        condition["observedGeneration"] = object["metadata"]["generation"];
  CHECK(Run{cluster, "third"}.outcome(with_route(2)) == "");
  CHECK(deployments(cluster) == std::vector<std::string>{"2"});
}

TEST_CASE("races of an older and a newer assignment: the newer one is what runs") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int race = 0; race < 50; ++race) {
    CAPTURE(race);
    test::MemoryCluster cluster;
    REQUIRE(Run{cluster}.outcome(desired(1)) == "");
    // The other one runs wholly at some instant of the first, before or after a request.
    const bool newer_first = random() % 2 == 0;
    auto left = std::uniform_int_distribution<int>(0, 30)(random);
    bool inside = false;
    cluster.before = [&](const ApiRequest&) {
      if (inside || left-- != 0) return;
      inside = true;
      static_cast<void>(Run{cluster, "other"}.apply(desired(newer_first ? 2 : 3)));
    };
    static_cast<void>(Run{cluster, "first"}.apply(desired(newer_first ? 3 : 2)));
    cluster.before = nullptr;
    // Whoever lost says so and ends; a CI job of the newer one that was disturbed is run again.
    CHECK(Run{cluster, "again"}.outcome(desired(3)) == "");
    CHECK(state_in(cluster).stable->assignment == 3);
    CHECK(deployments(cluster) == std::vector<std::string>{"3"});
  }
}

TEST_CASE("where the strategy is canary, apply leaves a new revision to a rollout, and makes a first one itself") {
  test::MemoryCluster cluster;
  CHECK(Run{cluster}.outcome(desired(1, 0, "{}")) == "");
  cluster.writes.clear();
  CHECK(Run{cluster}.apply(desired(2, 0, "{}")));
  CHECK(cluster.writes.empty());
  CHECK(state_in(cluster).stable->assignment == 1);
}

TEST_CASE("what is somebody else's is left alone") {
  struct Case {
    const char* what;
    void (*prepare)(test::MemoryCluster&);
    std::string message;
  };
  for (const auto& c : std::vector<Case>{
           {"a Service of that name",
            [](test::MemoryCluster& cluster) {
              cluster.objects["/api/v1/namespaces/fraud"] = {{"metadata", {{"name", "fraud"}}}};
              cluster.objects["/api/v1/namespaces/fraud/services/credit-risk"] = {
                  {"metadata",
                   {{"name", "credit-risk"},
                    {"namespace", "fraud"},
                    {"managedFields", Json::array({{{"manager", "kubectl"}}})}}}};
            },
            "Service fraud/credit-risk is there already, and not mlctl's but of kubectl"},
           {"another environment's state",
            [](test::MemoryCluster& cluster) {
              auto other = desired(1);
              other.environment = "prod";
              REQUIRE(Run{cluster}.outcome(other) == "");
            },
            "fraud/credit-risk in namespace fraud of context test belongs to environment prod"},
           {"a state that nobody can read",
            [](test::MemoryCluster& cluster) {
              REQUIRE(Run{cluster}.outcome(desired(1)) == "");
              cluster.change(state_at, [](Json& state) { state["data"] = {{"state.json", "{"}}; });
            },
            "ConfigMap fraud/mlctl-credit-risk: its state is not readable"},
       }) {
    CAPTURE(c.what);
    test::MemoryCluster cluster;
    c.prepare(cluster);
    cluster.writes.clear();
    CHECK(Run{cluster}.outcome(desired(1)) == c.message);
    CHECK(cluster.writes.empty());
  }
}

TEST_CASE("a namespace that somebody made for the tenant is taken as it is, and shown as a change") {
  test::MemoryCluster cluster;
  cluster.objects["/api/v1/namespaces/fraud"] = {
      {"apiVersion", "v1"},
      {"kind", "Namespace"},
      {"metadata", {{"name", "fraud"}, {"resourceVersion", "1"}, {"uid", "u"}}}};
  const auto set = change_set(*Run{cluster}.plan(desired(1)));
  REQUIRE(!set.empty());
  CHECK(std::count_if(set.changes.begin(), set.changes.end(), [](const Change& change) {
          return change.kind == Change::Kind::change && change.object.kind == "Namespace";
        }) == 1);
  CHECK(Run{cluster}.outcome(desired(1)) == "");
}

TEST_CASE("labels that somebody cut off do not make an object a stranger") {
  test::MemoryCluster cluster;
  REQUIRE(Run{cluster}.outcome(desired(1)) == "");
  cluster.change("/api/v1/namespaces/fraud/services/credit-risk", [](Json& service) {
    service["metadata"].erase("labels");
    service["metadata"]["managedFields"] = Json::array({{{"manager", "mlctl"}}});
  });
  CHECK(Run{cluster}.outcome(desired(1)) == "");
  CHECK(cluster.objects.at("/api/v1/namespaces/fraud/services/credit-risk")["metadata"].contains("labels"));
}

TEST_CASE("an object lies in another when everything of it is there") {
  struct Case {
    const char* what;
    std::string desired, live;
    bool lies;
  };
  for (const auto& c : std::vector<Case>{
           {"the same", R"({"a":1})", R"({"a":1})", true},
           {"more is there", R"({"a":{"b":1}})", R"({"a":{"b":1,"c":2},"d":3})", true},
           {"less is there", R"({"a":1,"b":2})", R"({"a":1})", false},
           {"another value", R"({"a":1})", R"({"a":2})", false},
           {"another type", R"({"a":"1"})", R"({"a":1})", false},
           {"an item more", R"({"a":[1]})", R"({"a":[1,2]})", false},
           {"items with more in them", R"({"a":[{"n":1}]})", R"({"a":[{"n":1,"m":2}]})", true},
           {"a quantity", R"({"limits":{"cpu":"0.5","memory":"1024Mi"}})",
            R"({"limits":{"cpu":"500m","memory":"1Gi"}})", true},
           {"another quantity", R"({"limits":{"cpu":"0.5"}})", R"({"limits":{"cpu":"501m"}})", false},
           {"what only looks like one", R"({"data":{"cpu":"0.5"}})", R"({"data":{"cpu":"500m"}})", false},
           {"no object at all", R"({"a":{}})", R"({"a":null})", false},
       }) {
    CAPTURE(c.what);
    CHECK(lies_in(Json::parse(c.desired), Json::parse(c.live)) == c.lies);
  }
}

TEST_CASE("a Deployment is ready when its new pods are all there is") {
  struct Case {
    const char* what;
    std::string status, reason;
    Health::Kind kind;
  };
  using Kind = Health::Kind;
  for (
      const auto& c : std::vector<Case>{
          {"nothing said", "{}", "its controller has not seen it yet", Kind::waiting},
          {"an older generation", R"({"observedGeneration":1})", "its controller has not seen it yet", Kind::waiting},
          {"too few", R"({"observedGeneration":2,"updatedReplicas":1})", "1 of 2 replicas made", Kind::waiting},
          {"pods are refused",
           R"({"observedGeneration":2,"conditions":[{"type":"ReplicaFailure","status":"True","message":"exceeded quota: mlctl"}]})",
           "0 of 2 replicas made: exceeded quota: mlctl", Kind::waiting},
          {"old ones left", R"({"observedGeneration":2,"updatedReplicas":2,"replicas":3})", "1 old replicas left",
           Kind::waiting},
          {"not ready", R"({"observedGeneration":2,"updatedReplicas":2,"replicas":2,"readyReplicas":1})",
           "1 of 2 replicas ready", Kind::waiting},
          {"not available", R"({"observedGeneration":2,"updatedReplicas":2,"replicas":2,"readyReplicas":2})",
           "0 of 2 replicas available", Kind::waiting},
          {"ready",
           R"({"observedGeneration":2,"updatedReplicas":2,"replicas":2,"readyReplicas":2,"availableReplicas":2})", "",
           Kind::ready},
          {"too late",
           R"({"observedGeneration":2,"conditions":[{"type":"Progressing","reason":"ProgressDeadlineExceeded","message":"x"}]})",
           "no progress within its deadline: x", Kind::failed},
      }) {
    CAPTURE(c.what);
    Json object = {{"kind", "Deployment"}, {"metadata", {{"generation", 2}}}, {"spec", {{"replicas", 2}}}};
    object["status"] = Json::parse(c.status);
    const auto health = health_of(object);
    CHECK(health.kind == c.kind);
    CHECK(health.reason == c.reason);
  }
}

TEST_CASE("a state is read as it was written, and a foreign one is not") {
  ModelState state{.model = model(), .name_space = "fraud", .environment = "staging", .epoch = 3, .assignment = 7};
  state.stable = Serves{"abc", "sha256:1", "v1.0.0", "c0ffee", 7, "2026-01-01T00:00:00Z", "ada@host"};
  state.work = {"bob", "2026-01-02T00:00:00Z", "def"};
  state.applied = {{"Deployment.apps/a", "00"}};
  state.kinds = {"Deployment.apps", "Service"};
  state.resource_version = "12";
  const auto object = to_object(state);
  CHECK(*parse_state(object) == state);
  // Made by `printf mlctl-credit-risk.fraud.ConfigMap. | openssl dgst -sha256 -binary | basenc --base64url | tr -d =`.
  CHECK(applyset_id(model(), "fraud") == "applyset-gSTEDdTT3Ru-obf64tprOA5Zyf5fckf0-vqVKmjZz_E-v1");
  auto foreign = object;
  foreign["metadata"]["annotations"]["applyset.kubernetes.io/tooling"] = "kubectl/1.36";
  CHECK(parse_state(foreign).error().kind == Error::Kind::conflict);
  for (const char* text : {"", "[]", "{}", R"({"format":2})", R"({"format":1,"model":"other/credit"})"}) {
    CAPTURE(text);
    auto broken = object;
    broken["data"]["state.json"] = text;
    CHECK(parse_state(broken).error().kind == Error::Kind::corrupt);
  }
}
