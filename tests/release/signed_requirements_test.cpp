// What an environment with `trust:` lets in, and what `mlctl verify` makes of it.
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "base/filesystem.h"
#include "registry/push.h"
#include "release/local_evidence.h"
#include "release/requirements.h"
#include "release/statement.h"
#include "release/verification.h"
#include "tests/registry/model_fixture.h"
#include "tests/registry/signing_fixture.h"

namespace mlctl::release {
namespace {

using registry::EvidenceKind;
using registry::test::at;
using registry::test::june;
using validate::Verdict;

constexpr const char* when = "2026-06-01T00:00:00Z";

deploy::Environment prod(const std::vector<std::string>& requirements) {
  deploy::Environment environment;
  environment.name = "prod";
  environment.requirements = requirements;
  return environment;
}

struct World {
  TemporaryFolder folder = registry::test::temporary_folder();
  std::unique_ptr<registry::Store> store = [this] {
    auto opened = registry::open_disk_store(folder.path() / "registry");
    REQUIRE(opened);
    return std::move(*opened);
  }();
  registry::ModelName model = registry::test::name("m");
  Digest digest = registry::test::pushed(*store, "m", "v1.0.0", registry::test::small_model()).manifest;
  registry::test::Keys keys;
  registry::Signer ours = keys.signer(), theirs = keys.signer();

  [[nodiscard]] Circumstances around() const { return {registry::own_trust(ours), true, folder.path(), at(june)}; }
  Digest attach(EvidenceKind annotated, EvidenceKind stated, const registry::Signer* by) {
    Outcome outcome{.step = {StepKind::gate, "prod"}, .verdict = Verdict::pass};
    outcome.report = validate::Report{.kind = "gate", .model = "m"};
    outcome.report->checks.push_back({.name = "parity", .verdict = Verdict::pass, .reason = "because"});
    auto made =
        registry::attach(*store, model, digest, annotated, statement_of(model, digest, stated, outcome), when, by);
    REQUIRE_MESSAGE(made, (made ? "" : made.error().message));
    return *made;
  }
};

TEST_CASE("a gate that another run passed counts when it is signed by one who is trusted, or made here") {
  enum class By { ours, theirs, nobody };
  struct Case {
    const char* name;
    By by;
    EvidenceKind annotated, stated;
    const char* required;
    bool local, enough;
  };
  const auto gate = EvidenceKind::gate, gpu = EvidenceKind::gpu, validation = EvidenceKind::validation;
  for (const auto& c : std::vector<Case>{
           {"signed by one who is trusted", By::ours, gate, gate, "gate", false, true},
           {"signed by somebody else", By::theirs, gate, gate, "gate", false, false},
           {"signed by somebody else, here", By::theirs, gate, gate, "gate", true, true},
           {"unsigned", By::nobody, gate, gate, "gate", false, false},
           {"unsigned, made here", By::nobody, gate, gate, "gate", true, true},
           {"a signed validation that somebody calls a gate", By::ours, gate, validation, "gate", false, false},
           {"a signed gate that somebody calls a check of a GPU", By::ours, gpu, gate, "gpu", false, false},
           {"a signed check of a GPU", By::ours, gpu, gpu, "gpu", false, true},
       }) {
    CAPTURE(c.name);
    World world;
    const auto* by = c.by == By::ours ? &world.ours : c.by == By::theirs ? &world.theirs : nullptr;
    const auto made = world.attach(c.annotated, c.stated, by);
    if (c.local) REQUIRE(remember_evidence(world.folder.path(), world.digest, made));
    const auto answer =
        check_evidence(*world.store, prod({c.required}), world.model, world.digest, "m@v1.0.0", world.around());
    CHECK(bool(answer) == c.enough);
    if (!answer) CHECK(answer.error().kind == Error::Kind::denied);
  }
}

TEST_CASE("a refusal says why what passed does not count") {
  World world;
  world.attach(EvidenceKind::gate, EvidenceKind::gate, nullptr);
  const auto answer =
      check_evidence(*world.store, prod({"gate"}), world.model, world.digest, "m@v1.0.0", world.around());
  REQUIRE_FALSE(answer);
  CHECK(answer.error().message.find("that counts: one passed, made elsewhere, unsigned") != std::string::npos);
}

TEST_CASE("a required signature is one of the version, by one who is trusted") {
  World world;
  const auto answer = [&](const Circumstances& around) {
    return check_signature(*world.store, prod({"signature"}), world.model, world.digest, "m@v1.0.0", around);
  };
  CHECK(check_signature(*world.store, prod({"gate"}), world.model, world.digest, "m@v1.0.0", world.around()));
  CHECK(answer(world.around()).error().kind == Error::Kind::denied);
  world.attach(EvidenceKind::gate, EvidenceKind::gate, &world.ours);  // that is one of the gate
  CHECK_FALSE(answer(world.around()));
  REQUIRE(sign_version(*world.store, world.model, world.digest, world.theirs, when));
  CHECK(answer(world.around()).error().message.find("untrusted") != std::string::npos);
  REQUIRE(sign_version(*world.store, world.model, world.digest, world.ours, when));
  CHECK(answer(world.around()));
  Circumstances nobody = world.around();
  nobody.trust.reset();
  CHECK_FALSE(answer(nobody));
}

TEST_CASE("verify holds only when everything that was asked for was verified") {
  struct Case {
    const char* name;
    bool ours, theirs;  // who signed the version
    bool asked;         // whose signatures count was said
    std::vector<std::string> requirements;
    bool in_environment, holds;
  };
  for (const auto& c : std::vector<Case>{
           {"nothing asked, nothing signed", false, false, false, {}, false, true},
           {"asked, nothing signed", false, false, true, {}, false, false},
           {"asked, signed by somebody else", false, true, true, {}, false, false},
           {"asked, signed", true, false, true, {}, false, true},
           {"asked, signed by both", true, true, true, {}, false, true},
           {"nothing asked, signed by somebody else", false, true, false, {}, false, true},
           {"an environment that requires nothing", false, false, false, {}, true, true},
           {"an environment that requires a gate, and there is none", true, false, true, {"gate"}, true, false},
           {"an environment that requires a signature", true, false, true, {"signature"}, true, true},
           {"the signature, and a gate that is not there", true, false, true, {"signature", "gate"}, true, false},
       }) {
    CAPTURE(c.name);
    World world;
    if (c.theirs) REQUIRE(sign_version(*world.store, world.model, world.digest, world.theirs, when));
    if (c.ours) REQUIRE(sign_version(*world.store, world.model, world.digest, world.ours, when));
    Project project;
    project.root = world.folder.path();
    project.registry = world.folder.path() / "registry";
    project.environments.push_back(prod(c.requirements));
    VerifyRequest request{.trust = std::nullopt, .environment = c.in_environment ? "prod" : "", .now = at(june)};
    if (c.asked) request.trust = registry::own_trust(world.ours);
    const auto verified = verify_all(project, *world.store, nullptr,
                                     {world.model, world.digest, registry::test::version("v1.0.0")}, request);
    REQUIRE_MESSAGE(verified, (verified ? "" : verified.error().message));
    CHECK(holds(*verified) == c.holds);
    CHECK(is_whole(*verified));
    CHECK(verified->policy.size() == c.requirements.size());
    CHECK(to_json(*verified)["verified"] == c.holds);
    CHECK(to_json(*verified)["signed"].is_null() == !c.asked);
    CHECK((to_text(*verified, Style::plain()).find("signatures: not asked for") != std::string::npos) == !c.asked);
  }
}

TEST_CASE("an environment that requires a signature where nobody said whose counts is an error, not a no") {
  World world;
  Project project;
  project.environments.push_back(prod({"signature"}));
  const auto verified =
      verify_all(project, *world.store, nullptr, {world.model, world.digest, std::nullopt}, {.environment = "prod"});
  REQUIRE_FALSE(verified);
  CHECK(verified.error().kind == Error::Kind::usage);
}

}  // namespace
}  // namespace mlctl::release
