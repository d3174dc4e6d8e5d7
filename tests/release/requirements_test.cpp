#include "release/requirements.h"

#include <doctest/doctest.h>
#include <functional>
#include <nlohmann/json.hpp>
#include <tuple>

#include "base/filesystem.h"
#include "release/local_evidence.h"
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

TEST_CASE("a signature can be required only where somebody said whose counts") {
  Project project;
  project.registry = "/somewhere";
  CHECK(circumstances_of(project, prod({}), {}));
  CHECK(circumstances_of(project, prod({"gate", "gpu"}), {}));
  const auto refused = circumstances_of(project, prod({"gate", "signature"}), {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::usage);
  CHECK(refused.error().hint.find("trust: {keys:") != std::string::npos);
  project.trust["prod"] = {.keys = {"nowhere.pem"}, .roots = {}, .identities = {}};
  const auto unreadable = circumstances_of(project, prod({"gate"}), {});
  REQUIRE_FALSE(unreadable);
  CHECK(unreadable.error().kind == Error::Kind::usage);
}

TEST_CASE("counts: a valid signature, or evidence of one's own; all of a folder's where nobody said whose counts") {
  const auto folder = TemporaryFolder::create();
  REQUIRE(folder);
  const auto subject = digest_of("model");
  REQUIRE(remember_evidence(folder->path(), subject, digest_of("own")));
  struct Case {
    const char* name;
    registry::Trusted trusted;
    bool own, trust, disk, enough;
  };
  using registry::Trusted;
  for (const auto& c : std::vector<Case>{
           {"valid", Trusted::valid, false, true, false, true},
           {"unsigned, somebody else's", Trusted::unsigned_, false, true, true, false},
           {"unsigned, in a remote registry without trust", Trusted::unsigned_, false, false, false, false},
           {"unsigned, in a folder without trust", Trusted::unsigned_, false, false, true, true},
           {"unsigned, made here", Trusted::unsigned_, true, true, false, true},
           {"untrusted, in a folder without trust", Trusted::untrusted, false, false, true, true},
           {"untrusted, with trust", Trusted::untrusted, false, true, true, false},
           {"untrusted, made here", Trusted::untrusted, true, true, true, true},
           {"invalid, in a folder without trust", Trusted::invalid, false, false, true, false},
           {"invalid, made here", Trusted::invalid, true, false, true, false},
       }) {
    CAPTURE(c.name);
    registry::Evidence one;
    one.digest = digest_of(c.own ? "own" : "other");
    one.signature.trusted = c.trusted;
    Circumstances around{.trust = std::nullopt, .folder = c.disk, .root = folder->path()};
    if (c.trust) around.trust.emplace();
    CHECK(counts(one, subject, around) == c.enough);
    if (c.own) CHECK(counts(one, digest_of("another model"), around) == (c.enough && !c.trust && c.disk));
  }
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
    const auto digest = registry::test::pushed(**store, "m", "v1.0.0", registry::test::small_model()).manifest;
    const Circumstances around;
    CHECK(bool(check_evidence(**store, prod(c.requirements), model, digest, "m@v1.0.0", around)) ==
          c.requirements.empty());
    Outcome outcome{.step = {StepKind::gate, c.environment}, .verdict = c.verdict};
    outcome.report = validate::Report{.kind = "gate", .model = "m"};
    outcome.report->checks.push_back({.name = c.check, .verdict = c.verdict, .reason = "because"});
    REQUIRE(registry::attach(**store, model, digest, c.kind, statement_of(model, digest, c.kind, outcome),
                             "2026-01-01T00:00:00Z"));
    const auto answer = check_evidence(**store, prod(c.requirements), model, digest, "m@v1.0.0", around);
    CHECK(bool(answer) == c.enough);
    if (!answer) {
      CHECK(answer.error().kind == Error::Kind::denied);
      CHECK(answer.error().hint == "`mlctl release m@v1.0.0`");
    }
  }
}

TEST_CASE("check_evidence: a gate of another model with the same files does not count") {
  const auto folder = TemporaryFolder::create();
  REQUIRE(folder);
  auto store = registry::open_disk_store(folder->path() / "registry");
  REQUIRE(store);
  const auto model = registry::test::name("m");
  const auto digest = registry::test::pushed(**store, "m", "v1.0.0", registry::test::small_model()).manifest;
  for (const auto& [kind, environment, required] :
       {std::tuple{EvidenceKind::gate, "prod", "gate"}, std::tuple{EvidenceKind::gpu, "", "gpu"}}) {
    CAPTURE(required);
    Outcome outcome{.step = {StepKind::gate, environment}, .verdict = Verdict::pass};
    outcome.report = validate::Report{.kind = required, .model = "m"};
    outcome.report->checks.push_back({.name = "parity", .verdict = Verdict::pass, .reason = ""});
    const auto others = statement_of(registry::test::name("other"), digest, kind, outcome);
    REQUIRE(registry::attach(**store, model, digest, kind, others, "2026-01-01T00:00:00Z"));
    CHECK(!check_evidence(**store, prod({required}), model, digest, "m@v1.0.0", {}));
    const auto own = statement_of(model, digest, kind, outcome);
    REQUIRE(registry::attach(**store, model, digest, kind, own, "2026-01-01T00:00:00Z"));
    CHECK(check_evidence(**store, prod({required}), model, digest, "m@v1.0.0", {}));
  }
}

TEST_CASE("stated_in: a statement whose parts disagree says nothing") {
  using Json = nlohmann::ordered_json;
  const auto model = registry::test::name("m");
  Outcome outcome{.step = {StepKind::gate, "prod"}, .verdict = Verdict::pass};
  outcome.report = validate::Report{.kind = "gate", .model = "m", .environment = "prod"};
  outcome.report->checks.push_back({.name = "parity", .verdict = Verdict::pass, .reason = ""});
  auto failed = outcome;
  failed.verdict = failed.report->checks[0].verdict = Verdict::fail;
  const auto good = statement_of(model, digest_of("m"), EvidenceKind::gate, outcome);
  const auto bad = statement_of(model, digest_of("m"), EvidenceKind::gate, failed);
  struct Case {
    const char* name;
    Json statement;
    std::function<void(Json&)> change;
    bool understood;
  };
  const auto with = [](const Json& base, const std::function<void(Json&)>& change) {
    Json copy = base;
    change(copy["predicate"]);
    return copy.dump();
  };
  for (const auto& c : std::vector<Case>{
           {"a pass", good, [](Json&) {}, true},
           {"a fail", bad, [](Json&) {}, true},
           {"a pass with the result FAILED", good, [](Json& p) { p["result"] = "FAILED"; }, false},
           {"a pass without a result", good, [](Json& p) { p.erase("result"); }, false},
           {"a pass with a failed test", good, [](Json& p) { p["failedTests"] = {"parity"}; }, false},
           {"a fail that is called a pass", bad,
            [](Json& p) {
              p["mlctl"]["verdict"] = "pass";
              p["result"] = "PASSED";
              p["failedTests"] = Json::array();
            },
            false},
       }) {
    CAPTURE(c.name);
    registry::Evidence evidence;
    evidence.predicate_type = registry::test_result;
    evidence.statement = with(c.statement, c.change);
    CHECK(stated_in(evidence).has_value() == c.understood);
  }
}

}  // namespace
}  // namespace mlctl::release
