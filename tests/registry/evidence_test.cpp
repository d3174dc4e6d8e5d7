#include "registry/evidence.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/document.h"
#include "registry/push.h"
#include "registry/query.h"
#include "tests/registry/folder_fixture.h"
#include "tests/registry/model_fixture.h"

namespace mlctl::registry {
namespace {

using test::name;
using test::pushed;
using test::small_model;
using test::version;

struct World {
  TemporaryFolder folder = test::temporary_folder();
  std::unique_ptr<Store> store = [this] {
    auto opened = open_disk_store(folder.path());
    REQUIRE(opened);
    return std::move(*opened);
  }();
  ModelName model = name("fraud/a");
  Digest digest = pushed(*store, "fraud/a", "v1.0.0", small_model()).manifest;
};

TEST_CASE("evidence is found again, oldest first, and the same twice is once") {
  World world;
  TestResult result;
  result.result = "FAILED";
  result.passed = {"parity"};
  result.failed = {"latency"};
  result.configuration = {{"holdout.csv", digest_of("h")}, {"gate", std::nullopt}};
  const auto gate = make_statement(world.model, world.digest, test_result, test_result_predicate(result));
  const auto provenance =
      make_statement(world.model, world.digest, slsa_provenance,
                     provenance_predicate({"https://git.example/r", std::string(40, 'c'), false, "v1.0.0"}));
  auto first = attach(*world.store, world.model, world.digest, EvidenceKind::gate, gate, "2026-01-01T00:00:00Z");
  REQUIRE(first);
  REQUIRE(
      attach(*world.store, world.model, world.digest, EvidenceKind::provenance, provenance, "2026-01-02T00:00:00Z"));
  CHECK(*attach(*world.store, world.model, world.digest, EvidenceKind::gate, gate, "2026-01-03T00:00:00Z") == *first);
  const auto all = evidence(*world.store, world.model, world.digest);
  REQUIRE(all);
  REQUIRE(all->size() == 2);
  CHECK((*all)[0].kind == EvidenceKind::gate);
  CHECK((*all)[0].created == "2026-01-01T00:00:00Z");
  CHECK((*all)[1].kind == EvidenceKind::provenance);
  const auto statement = parse_json((*all)[0].statement, "statement");
  REQUIRE(statement);
  CHECK((*statement)["_type"] == "https://in-toto.io/Statement/v1");
  CHECK((*statement)["subject"][0]["name"] == "fraud/a");
  CHECK((*statement)["subject"][0]["digest"]["sha256"] == world.digest.hex());
  CHECK((*statement)["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1");
  CHECK((*statement)["predicate"]["failedTests"][0] == "latency");
  const auto slsa = parse_json((*all)[1].statement, "statement");
  REQUIRE(slsa);
  CHECK((*slsa)["predicate"]["buildDefinition"]["resolvedDependencies"][0]["digest"]["gitCommit"] ==
        std::string(40, 'c'));
  CHECK((*slsa)["predicate"]["runDetails"]["builder"].contains("id"));
  CHECK(verify(*world.store, world.model, world.digest)->problems.empty());
}

TEST_CASE("what git says in another encoding becomes a statement all the same") {
  World world;
  const auto provenance =
      make_statement(world.model, world.digest, slsa_provenance,
                     provenance_predicate({"/srv/mod\xe8les.git", std::string(40, 'c'), false, "v1.0.0"}));
  REQUIRE(
      attach(*world.store, world.model, world.digest, EvidenceKind::provenance, provenance, "2026-01-01T00:00:00Z"));
  const auto all = evidence(*world.store, world.model, world.digest);
  REQUIRE(all);
  REQUIRE(all->size() == 1);
  CHECK((*all)[0].statement.find("/srv/mod\xEF\xBF\xBDles.git") != std::string::npos);
}

TEST_CASE("evidence about something else is refused on the way in and on the way out") {
  World world;
  const auto other = make_statement(world.model, digest_of("x"), test_result, {{"result", "PASSED"}});
  CHECK(attach(*world.store, world.model, world.digest, EvidenceKind::gate, other, "").error().kind ==
        Error::Kind::usage);
  CHECK(attach(*world.store, world.model, world.digest, EvidenceKind::gate, {{"a", 1}}, "").error().kind ==
        Error::Kind::usage);
  CHECK(attach(*world.store, world.model, digest_of("x"), EvidenceKind::gate, other, "").error().kind ==
        Error::Kind::not_found);
  CHECK(evidence(*world.store, world.model, world.digest)->empty());

  // Somebody moves a statement under another digest by editing the index.
  const auto second = pushed(*world.store, "fraud/a", "v1.0.1", small_model("{\"learner\":1}")).manifest;
  REQUIRE(attach(*world.store, world.model, world.digest, EvidenceKind::gate,
                 make_statement(world.model, world.digest, test_result, {{"result", "PASSED"}}), ""));
  const auto path = world.folder.path() / "models/fraud/a/index.json";
  std::string text = test::get(path);
  const auto at = text.rfind(to_string(world.digest));
  REQUIRE(at != std::string::npos);
  text.replace(at, to_string(world.digest).size(), to_string(second));
  test::put(path, text);
  CHECK(evidence(*world.store, world.model, second).error().kind == Error::Kind::corrupt);
}

TEST_CASE("what is said with a push stands beside the version, not in its digest") {
  World world;
  PushMetadata said;
  said.metadata = "{\"owner\":\"risk\"}";
  said.metrics = "{\"auc\":0.99}";
  said.commit = std::string(40, 'd');
  auto report = push(*world.store, world.model, small_model(), version("v1.0.1"), said, no_progress());
  REQUIRE(report);
  CHECK(report->manifest == world.digest);
  const auto all = evidence(*world.store, world.model, world.digest);
  REQUIRE(all);
  REQUIRE(all->size() == 2);
  CHECK((*all)[1].kind == EvidenceKind::metadata);
  CHECK((*all)[1].statement.find("0.99") != std::string::npos);
  said.metrics = "{";
  CHECK(push(*world.store, world.model, small_model(), version("v1.0.2"), said, no_progress()).error().kind ==
        Error::Kind::usage);
  CHECK(list_versions(*world.store, world.model)->size() == 2);
}

}  // namespace
}  // namespace mlctl::registry
