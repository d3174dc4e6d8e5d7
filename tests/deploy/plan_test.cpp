#include "deploy/plan.h"

#include <doctest/doctest.h>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "deploy/render.h"
#include "tests/deploy/support.h"

using namespace mlctl;
using namespace mlctl::deploy;

namespace {
Candidate named(const std::string& tenant, const std::string& name, const std::string& name_space) {
  auto candidate = test::candidate();
  candidate.model = {tenant, name};
  candidate.name_space = name_space;
  return candidate;
}
Result<std::vector<DesiredFile>> plan(const std::vector<Candidate>& candidates, const std::vector<Tenant>& tenants) {
  const auto environment = test::environment();
  const std::map<std::string, Runtime> runtimes{{"mlserver", test::runtime()}};
  return plan_files(candidates, {environment, tenants, runtimes});
}
std::vector<std::string> paths(const std::vector<DesiredFile>& files) {
  std::vector<std::string> out;
  for (const auto& file : files) out.push_back(file.path);
  return out;
}
}  // namespace

TEST_CASE("each model has a file, and the namespaces of its tenants have one") {
  const std::vector<Tenant> tenants{test::tenant("{name: fraud}"), test::tenant("{name: ads, namespace: marketing}"),
                                    test::tenant("{name: idle}")};
  const auto files = plan({named("fraud", "b", "fraud"), named("fraud", "a", "fraud"), named("ads", "a", "marketing"),
                           named("", "solo", "default")},
                          tenants);
  REQUIRE(files);
  CHECK(paths(*files) == std::vector<std::string>{"default/solo.yaml", "fraud/_namespace.yaml", "fraud/a.yaml",
                                                  "fraud/b.yaml", "marketing/_namespace.yaml", "marketing/a.yaml"});
  for (const auto& file : *files) {
    const Spec* spec = file.spec();
    CHECK(author_of(file.text) == (spec != nullptr                  ? to_string(spec->model)
                                   : file.path.starts_with("fraud") ? "tenant fraud"
                                                                    : "tenant ads"));
    const auto objects = objects_of(file);
    REQUIRE(objects);
    CHECK(to_file(*objects) == file.text);
    CHECK(assignment_of(*objects) == (spec != nullptr ? 7 : 0));
  }
}

TEST_CASE("what a cluster is sent are the objects of the files, a model's with the label of its set") {
  const std::vector<Tenant> tenants{test::tenant("{name: fraud}")};
  const std::map<std::string, Runtime> runtimes{{"mlserver", test::runtime()}};
  const auto environment = test::environment();
  const std::vector<Candidate> candidates{named("fraud", "a", "fraud")};
  const auto files = plan_files(candidates, {environment, tenants, runtimes});
  const auto sent = plan_files(candidates, {environment, tenants, runtimes, Form::bodies});
  REQUIRE(files);
  REQUIRE(sent);
  for (std::size_t i = 0; i < files->size(); ++i) {
    const auto& file = (*files)[i];
    CHECK((*sent)[i].keys == file.keys);
    CHECK((*sent)[i].text.empty());
    const auto objects = objects_of(file);
    const auto made = bodies_of(file), kept = bodies_of((*sent)[i]);
    REQUIRE(kept->size() == objects->size());
    for (std::size_t k = 0; k < kept->size(); ++k) {
      auto body = *kept->at(k);
      CHECK(body.dump() == made->at(k)->dump());
      CHECK(body["metadata"]["labels"].erase("applyset.kubernetes.io/part-of") == (file.spec() != nullptr ? 1 : 0));
      CHECK(body.dump() == objects->at(k).dump());
    }
  }
}

TEST_CASE("two that would be one object are refused by name") {
  const std::vector<Tenant> apart{test::tenant("{name: a, namespace: same}"),
                                  test::tenant("{name: b, namespace: other}")};
  const auto models = plan({named("a", "x", "same"), named("b", "x", "same")}, apart);
  REQUIRE(!models);
  CHECK(models.error().kind == Error::Kind::usage);
  CHECK(models.error().message == "a/x and b/x would both be same/x.yaml");
  const std::vector<Tenant> together{test::tenant("{name: a, namespace: same}"),
                                     test::tenant("{name: b, namespace: same}")};
  const auto tenants = plan({named("a", "x", "same"), named("b", "y", "same")}, together);
  REQUIRE(!tenants);
  CHECK(tenants.error().message == "tenant a and tenant b would both be same/_namespace.yaml");
}

TEST_CASE("a model whose name is another's revision is refused") {
  const auto first = test::candidate();
  auto spec = test::spec();
  const auto revision = revision_of(spec);
  REQUIRE(revision);
  const auto files = plan({first, named("fraud", "credit-risk-" + *revision, "fraud")}, {});
  REQUIRE(!files);
  CHECK(files.error().message.find("would both be Service fraud/credit-risk-") != std::string::npos);
}

TEST_CASE("an unknown runtime names the nearest") {
  auto candidate = test::candidate("serving: {runtime: mlsever}");
  const auto files = plan({candidate}, {});
  REQUIRE(!files);
  CHECK(files.error().message == "fraud/credit-risk: mlctl.yaml has no runtime 'mlsever'");
  CHECK(files.error().hint == "did you mean mlserver?");
}

TEST_CASE("the same candidates give the same bytes") {
  const auto once = plan({test::candidate()}, {}), again = plan({test::candidate()}, {});
  REQUIRE(once);
  REQUIRE(again);
  CHECK((*once)[0].text == (*again)[0].text);
}
