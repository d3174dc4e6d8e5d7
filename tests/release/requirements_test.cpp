#include "release/requirements.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "base/filesystem.h"
#include "release/statement.h"
#include "tests/registry/model_fixture.h"

namespace mlctl::release {
namespace {

using registry::EvidenceKind;
using validate::Verdict;

deploy::Environment prod(const std::vector<std::string>& requirements) {
  deploy::Environment environment;
  environment.name = "prod";
  environment.requirements = requirements;
  return environment;
}

TEST_CASE("a signature is refused until mlctl can sign") {
  CHECK(check_requirements(prod({})));
  CHECK(check_requirements(prod({"gate", "gpu"})));
  const auto refused = check_requirements(prod({"gate", "signature"}));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::usage);
}

TEST_CASE("a gate without questions does for nobody who requires one") {
  validate::GateConfig none, parity, accuracy, load;
  parity.parity.emplace();
  accuracy.accuracy.emplace();
  load.load.emplace();
  const auto refused = check_gate_asks(prod({"gate"}), none, "m@v1.0.0");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::usage);
  CHECK_FALSE(refused.error().hint.empty());
  CHECK(check_gate_asks(prod({}), none, "m@v1.0.0"));
  for (const auto* gate : {&parity, &accuracy, &load}) CHECK(check_gate_asks(prod({"gate"}), *gate, "m@v1.0.0"));
}

TEST_CASE("check_evidence: only a passed answer for this environment lets a version in") {
  struct Case {
    const char* name;
    std::vector<std::string> requirements;
    EvidenceKind kind;
    const char* environment;
    const char* check;
    Verdict verdict;
    bool enough;
  };
  for (const auto& c : std::vector<Case>{
           {"nothing is required", {}, EvidenceKind::validation, "", "weights", Verdict::pass, true},
           {"a passed gate", {"gate"}, EvidenceKind::gate, "prod", "parity", Verdict::pass, true},
           {"no gate", {"gate"}, EvidenceKind::validation, "prod", "parity", Verdict::pass, false},
           {"a failed gate", {"gate"}, EvidenceKind::gate, "prod", "parity", Verdict::fail, false},
           {"a gate that could not decide",
            {"gate"},
            EvidenceKind::gate,
            "prod",
            "parity",
            Verdict::inconclusive,
            false},
           {"the gate of another environment", {"gate"}, EvidenceKind::gate, "staging", "parity", Verdict::pass, false},
           {"a gate that asked nothing", {"gate"}, EvidenceKind::gate, "prod", "server", Verdict::pass, false},
           {"a fit GPU, which is of no environment", {"gpu"}, EvidenceKind::gpu, "", "memory", Verdict::pass, true},
           {"a gate where a GPU is required too",
            {"gate", "gpu"},
            EvidenceKind::gate,
            "prod",
            "parity",
            Verdict::pass,
            false},
       }) {
    CAPTURE(c.name);
    const auto folder = TemporaryFolder::create();
    REQUIRE(folder);
    auto store = registry::open_disk_store(folder->path() / "registry");
    REQUIRE(store);
    const auto model = registry::test::name("m");
    const auto version = registry::test::version("v1.0.0");
    const auto digest = registry::test::pushed(**store, "m", "v1.0.0", registry::test::small_model()).manifest;
    CHECK(bool(check_evidence(**store, prod(c.requirements), model, version, digest)) == c.requirements.empty());
    Outcome outcome{.step = {StepKind::gate, c.environment}, .verdict = c.verdict};
    outcome.report = validate::Report{.kind = "gate", .model = "m"};
    outcome.report->checks.push_back({.name = c.check, .verdict = c.verdict, .reason = "because"});
    REQUIRE(
        registry::attach(**store, model, digest, c.kind, statement_of(model, digest, outcome), "2026-01-01T00:00:00Z"));
    const auto answer = check_evidence(**store, prod(c.requirements), model, version, digest);
    CHECK(bool(answer) == c.enough);
    if (!answer) {
      CHECK(answer.error().kind == Error::Kind::denied);
      CHECK(answer.error().hint == "`mlctl release m@v1.0.0`");
    }
  }
}

}  // namespace
}  // namespace mlctl::release
