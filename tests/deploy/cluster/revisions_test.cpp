#include "deploy/cluster/revisions.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/terminal.h"
#include "deploy/cluster/apply.h"
#include "tests/deploy/cluster/memory_cluster.h"
#include "tests/deploy/support.h"

using namespace mlctl;
using namespace mlctl::deploy;
using Json = nlohmann::ordered_json;

namespace {

constexpr const char* replace = "{rollout: {strategy: replace}}";
constexpr const char* scaled = "{serving: {autoscale: {min: 2, max: 40}}, rollout: {strategy: replace}}";
const registry::ModelName model{"fraud", "credit-risk"};

// Version V of the model, whose digest says so, under assignment N.
Desired desired(std::uint8_t version, std::int64_t n, const std::string& yaml = replace, bool way_back = false) {
  auto candidate = test::candidate(yaml);
  candidate.assignment = n;
  candidate.digest.bytes.fill(version);
  candidate.way_back = way_back;
  const auto environment = test::environment();
  const std::vector<Tenant> tenants{test::tenant("{name: fraud}")};
  const std::map<std::string, Runtime> runtimes{{"mlserver", test::runtime()}};
  auto files = plan_files({candidate}, {environment, tenants, runtimes});
  REQUIRE(files);
  return {"staging", {{model, static_cast<std::uint64_t>(n)}}, std::move(*files)};
}

struct Stage {
  test::MemoryCluster cluster;
  ManualClock clock;
  Discovery discovery{cluster, clock, {}, "test"};

  ClusterPlan plan(const Desired& what) {
    auto planned = plan_cluster(cluster, discovery, {what, false, "2026-01-01T00:00:00Z", "ada"});
    REQUIRE_MESSAGE(planned, planned.error().message);
    return std::move(*planned);
  }
  // What went wrong, or "".
  std::string apply(const Desired& what) {
    const ClusterApplyOptions options{.run = "ada"};
    auto report = apply_cluster(what, plan(what), {cluster, discovery, options, clock, no_progress()});
    if (!report) return report.error().message;
    for (const auto& owner : report->owners)
      if (owner.error) return owner.error->message;
    return "";
  }
  std::vector<KeptRevision> kept() {
    auto all = read_kept(cluster, discovery, model, "fraud");
    REQUIRE(all);
    return std::move(*all);
  }
  std::vector<std::uint64_t> kept_assignments() {
    std::vector<std::uint64_t> out;
    for (const auto& one : kept()) out.push_back(one.serves.assignment);
    return out;
  }
  const Json& deployment() {
    for (const auto& [path, object] : cluster.objects)
      if (object["kind"] == "Deployment") return object;
    throw std::runtime_error("no Deployment");
  }
};

// The way back to what is kept, under assignment N.
Desired back_to(const KeptRevision& kept, std::int64_t n) {
  Spec spec = test::spec(replace);
  spec.assignment = n;
  spec.way_back = true;
  spec.kept = std::make_shared<const AsApplied>(AsApplied{kept.serves.revision, kept.objects});
  auto file = file_of_spec(std::move(spec));
  REQUIRE(file);
  Desired out{"staging", {{model, static_cast<std::uint64_t>(n)}}, {}};
  out.files.push_back(std::move(*file));
  return out;
}

}  // namespace

TEST_CASE("every apply keeps what it made: what serves, and two beside it") {
  Stage stage;
  REQUIRE(stage.apply(desired(1, 1)) == "");
  CHECK(stage.kept_assignments() == std::vector<std::uint64_t>{1});
  REQUIRE(stage.apply(desired(2, 2)) == "");
  REQUIRE(stage.apply(desired(3, 3)) == "");
  REQUIRE(stage.apply(desired(4, 4)) == "");
  CHECK(stage.kept_assignments() == std::vector<std::uint64_t>{4, 3, 2});
  stage.cluster.writes.clear();
  CHECK(stage.apply(desired(4, 4)) == "");
  CHECK(stage.cluster.writes.empty());
}

TEST_CASE("a revision that serves under another assignment is kept under that one") {
  Stage stage;
  REQUIRE(stage.apply(desired(1, 1)) == "");
  REQUIRE(stage.apply(desired(1, 2)) == "");
  CHECK(stage.kept_assignments() == std::vector<std::uint64_t>{2});
  CHECK(stage.kept().front().objects.front()["metadata"]["annotations"][assignment_annotation] == "2");
}

TEST_CASE("where nothing serves any more nothing is kept") {
  Stage stage;
  REQUIRE(stage.apply(desired(1, 1)) == "");
  REQUIRE(stage.apply(desired(2, 2)) == "");
  REQUIRE(stage.apply({"staging", {{model, 3}}, {}}) == "");
  CHECK(stage.kept().empty());
}

TEST_CASE("what cannot be kept is not applied: the version before serves on") {
  Stage stage;
  REQUIRE(stage.apply(desired(1, 1)) == "");
  const auto service = stage.cluster.objects.at("/api/v1/namespaces/fraud/services/credit-risk");
  stage.cluster.after = [](const ApiRequest& request, ApiAnswer answer) -> Result<ApiAnswer> {
    if (request.method == "POST" && request.path.ends_with("/controllerrevisions"))
      return ApiAnswer{403, R"({"kind":"Status","reason":"Forbidden","message":"no"})", {}};
    return answer;
  };
  CHECK(stage.apply(desired(2, 2)) != "");
  CHECK(stage.cluster.objects.at("/api/v1/namespaces/fraud/services/credit-risk") == service);
}

TEST_CASE("the way back applies what is kept, and is what git says then") {
  Stage stage;
  REQUIRE(stage.apply(desired(1, 1, scaled)) == "");
  const auto first = stage.deployment()["spec"];
  REQUIRE(stage.apply(desired(2, 2, scaled)) == "");
  const auto kept = stage.kept();
  REQUIRE(kept.size() == 2);
  REQUIRE(kept[1].serves.assignment == 1);
  REQUIRE(stage.apply(back_to(kept[1], 3)) == "");
  CHECK(stage.deployment()["spec"]["template"] == first["template"]);
  CHECK(stage.deployment()["metadata"]["annotations"][assignment_annotation] == "3");
  CHECK(stage.kept_assignments() == std::vector<std::uint64_t>{3, 2});
  // Rendered from git it is the very same: nothing to change, and nothing to write.
  const auto rendered = desired(1, 3, scaled, true);
  CHECK(change_set(stage.plan(rendered)).empty());
  stage.cluster.writes.clear();
  CHECK(stage.apply(rendered) == "");
  CHECK(stage.cluster.writes.empty());
}

TEST_CASE("what takes all traffic at once begins with as many pods as what had it") {
  Stage stage;
  REQUIRE(stage.apply(desired(1, 1, scaled)) == "");
  std::string at;
  for (const auto& [path, object] : stage.cluster.objects)
    if (object["kind"] == "Deployment") at = path;
  stage.cluster.change(at, [](Json& deployment) { deployment["spec"]["replicas"] = 7; });
  REQUIRE(stage.apply(desired(2, 2, scaled)) == "");
  CHECK(stage.deployment()["spec"]["replicas"] == 7);
  CHECK_FALSE(stage.kept().front().objects[1]["spec"].contains("replicas"));  // the autoscaler's, not ours
  CHECK(change_set(stage.plan(desired(2, 2, scaled))).empty());
}

TEST_CASE("where traffic is shifted step by step, the way back is not") {
  using Rollout = OwnerPlan::Rollout;
  const auto rollout_of = [](const ClusterPlan& plan) {
    for (const auto& owner : plan.owners)
      if (owner.is_model) return owner.rollout;
    return Rollout::none;
  };
  Stage stage;
  REQUIRE(stage.apply(desired(2, 2, "{}")) == "");
  CHECK(rollout_of(stage.plan(desired(1, 3, "{}"))) == Rollout::begins);
  CHECK(rollout_of(stage.plan(desired(1, 3, "{}", true))) == Rollout::none);
  REQUIRE(stage.apply(desired(1, 3, "{}", true)) == "");
  CHECK(stage.deployment()["metadata"]["annotations"][assignment_annotation] == "3");
  // A change of configuration under the same assignment is something new.
  const auto changed = desired(1, 3, "{serving: {resources: {memory: 2Gi}}}", true);
  CHECK(rollout_of(stage.plan(changed)) == Rollout::begins);
}

TEST_CASE("a record that somebody else wrote is not applied") {
  Stage stage;
  REQUIRE(stage.apply(desired(1, 1)) == "");
  std::string at;
  for (const auto& [path, object] : stage.cluster.objects)
    if (object["kind"] == "ControllerRevision") at = path;
  struct Case {
    const char* what;
    void (*how)(Json& record);
  };
  for (const auto& c : std::vector<Case>{
           {"a kind that is never rendered",
            [](Json& record) { record["data"]["objects"][0]["kind"] = "ClusterRole"; }},
           {"another namespace",
            [](Json& record) { record["data"]["objects"][1]["metadata"]["namespace"] = "kube-system"; }},
           {"another name", [](Json& record) { record["data"]["objects"][1]["metadata"]["name"] = "other"; }},
           {"no objects", [](Json& record) { record["data"]["objects"] = Json::array(); }},
           {"no list", [](Json& record) { record["data"] = "x"; }},
           {"an object that is none", [](Json& record) { record["data"]["objects"][0] = 7; }},
           {"a part that is a text",
            [](Json& record) { record["data"]["objects"][1]["spec"] = std::string(900'000, 'x'); }},
           {"no containers",
            [](Json& record) {
              record["data"]["objects"][1]["spec"]["template"]["spec"]["containers"] = Json::array();
            }},
           {"labels that are a list",
            [](Json& record) { record["data"]["objects"][1]["metadata"]["labels"] = Json::array(); }},
           {"an object twice",
            [](Json& record) { record["data"]["objects"].push_back(Json(record["data"]["objects"][1])); }},
           {"no pods", [](Json& record) { record["data"]["objects"].erase(1); }},
           {"another revision", [](Json& record) { record["data"]["serves"]["revision"] = "0000000000"; }},
       }) {
    CAPTURE(c.what);
    auto record = stage.cluster.objects.at(at);
    REQUIRE(parse_kept(record, model, "fraud"));
    c.how(record);
    const auto parsed = parse_kept(record, model, "fraud");
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().kind == Error::Kind::corrupt);
  }
}
