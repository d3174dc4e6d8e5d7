// Evidence in bundles: by whom it is, and what somebody without a key can do about it.
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "base/document.h"
#include "registry/evidence.h"
#include "registry/oci.h"
#include "registry/push.h"
#include "registry/query.h"
#include "registry/sigstore.h"
#include "tests/registry/folder_fixture.h"
#include "tests/registry/model_fixture.h"
#include "tests/registry/signing_fixture.h"

namespace mlctl::registry {
namespace {

using nlohmann::ordered_json;
using test::at;
using test::june;

constexpr const char* when = "2026-06-01T00:00:00Z";

struct World {
  TemporaryFolder folder = test::temporary_folder();
  std::unique_ptr<Store> store = [this] {
    auto opened = open_disk_store(folder.path());
    REQUIRE(opened);
    return std::move(*opened);
  }();
  ModelName model = test::name("a");
  Digest digest = test::pushed(*store, "a", "v1.0.0", test::small_model()).manifest;
  test::Keys keys;
  Signer signer = keys.signer("P-256"), other = keys.signer("P-384");

  [[nodiscard]] ordered_json gate(const char* result = "PASSED") const {
    return make_statement(model, digest, test_result, {{"result", result}});
  }
  Result<Digest> state(EvidenceKind kind, const ordered_json& statement, const Signer* by) {
    return attach(*store, model, digest, kind, statement, when, by);
  }
  [[nodiscard]] std::vector<Evidence> seen(const Trust& trust) {
    auto all = evidence(*store, model, digest, trust, at(june));
    REQUIRE(all);
    return std::move(*all);
  }

  // As anybody who may write to the registry can.
  void plant(const std::string& layer, const std::map<std::string, std::string>& annotations) {
    ordered_json manifest;
    manifest["schemaVersion"] = 2;
    manifest["mediaType"] = oci::manifest_type;
    manifest["artifactType"] = bundle_type;
    manifest["config"] = oci::to_json({oci::empty_type, digest_of("{}"), 2, "", {}});
    manifest["layers"] = ordered_json::array({oci::to_json({bundle_type, digest_of(layer), layer.size(), "", {}})});
    manifest["subject"] = oci::to_json({oci::manifest_type, digest, 2, "", {}});
    manifest["annotations"] = annotations;
    const auto text = manifest.dump();
    REQUIRE(store->put_blob(model, "{}"));
    REQUIRE(store->put_blob(model, layer));
    REQUIRE(store->put_referrer(model, digest,
                                {oci::manifest_type, digest_of(text), text.size(), bundle_type, annotations}, text));
  }
};

TEST_CASE("signed evidence is valid for those who trust its key, and the same twice is once") {
  World world;
  auto first = world.state(EvidenceKind::gate, world.gate(), &world.signer);
  REQUIRE_MESSAGE(first, (first ? "" : first.error().message));
  CHECK(*world.state(EvidenceKind::gate, world.gate(), &world.signer) == *first);
  REQUIRE(world.seen({}).size() == 1);
  CHECK(world.seen({})[0].signature.trusted == Trusted::untrusted);
  CHECK(world.seen(own_trust(world.other))[0].signature.trusted == Trusted::untrusted);
  const auto valid = world.seen(own_trust(world.signer));
  CHECK(valid[0].signature.trusted == Trusted::valid);
  CHECK(valid[0].kind == EvidenceKind::gate);
  CHECK(valid[0].created == when);
  CHECK(valid[0].statement == world.gate().dump());
  // Unsigned, and by another key, it is another statement.
  REQUIRE(world.state(EvidenceKind::gate, world.gate(), nullptr));
  REQUIRE(world.state(EvidenceKind::gate, world.gate(), nullptr));
  REQUIRE(world.state(EvidenceKind::gate, world.gate(), &world.other));
  REQUIRE(world.seen(own_trust(world.signer)).size() == 3);
  CHECK(verify(*world.store, world.model, world.digest)->problems.empty());
}

TEST_CASE("the manifest is in the shape that cosign 3 attaches") {
  World world;
  const auto digest = world.state(EvidenceKind::gate, world.gate(), &world.signer);
  REQUIRE(digest);
  const auto text = world.store->read_manifest(world.model, *digest);
  REQUIRE(text);
  const auto manifest = parse_json(*text, "manifest");
  REQUIRE(manifest);
  CHECK((*manifest)["artifactType"] == "application/vnd.dev.sigstore.bundle.v0.3+json");
  CHECK((*manifest)["layers"][0]["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json");
  CHECK((*manifest)["config"]["mediaType"] == "application/vnd.oci.empty.v1+json");
  CHECK((*manifest)["subject"]["digest"] == to_string(world.digest));
  CHECK((*manifest)["annotations"] == nlohmann::json{{"org.opencontainers.image.created", when},
                                                     {"dev.mlctl.evidence", "gate"},
                                                     {"dev.sigstore.bundle.content", "dsse-envelope"},
                                                     {"dev.sigstore.bundle.predicateType", test_result}});
}

TEST_CASE("what others attach: listed by what it is, and what is broken is invalid, never an error") {
  World world;
  const auto by = [&](const ordered_json& statement) {
    auto bundle = sign_statement(world.signer, statement.dump());
    REQUIRE(bundle);
    return *bundle;
  };
  const auto elsewhere = make_statement(world.model, digest_of("x"), test_result, {{"result", "PASSED"}});
  auto forged = nlohmann::json::parse(by(world.gate("FAILED")));
  forged["dsseEnvelope"]["payload"] = nlohmann::json::parse(by(world.gate()))["dsseEnvelope"]["payload"];
  const std::map<std::string, std::string> as_gate = {{oci::evidence_annotation, "gate"}};
  struct Case {
    const char* name;
    std::string layer;
    std::map<std::string, std::string> annotations;
    EvidenceKind kind;
    Trusted trusted;
  };
  const auto scan = make_statement(world.model, world.digest, "https://scan.example/v1", {{"clean", true}});
  const auto slsa = make_statement(world.model, world.digest, slsa_provenance, ordered_json::object());
  for (const auto& c : std::vector<Case>{
           {"another tool's attestation", by(scan), {}, EvidenceKind::other, Trusted::valid},
           {"another tool's provenance", by(slsa), {}, EvidenceKind::provenance, Trusted::valid},
           {"an annotation that the statement does not bear out", by(scan), as_gate, EvidenceKind::other,
            Trusted::valid},
           {"a signed statement about another version", by(elsewhere), as_gate, EvidenceKind::gate, Trusted::invalid},
           {"a payload that was exchanged", forged.dump(), as_gate, EvidenceKind::gate, Trusted::invalid},
           {"no bundle", "{}", as_gate, EvidenceKind::gate, Trusted::invalid},
           {"no JSON", "\x01\x02", as_gate, EvidenceKind::gate, Trusted::invalid},
       }) {
    CAPTURE(c.name);
    World fresh;
    fresh.plant(c.layer, c.annotations);
    const auto all = fresh.seen(own_trust(world.signer));
    REQUIRE(all.size() == 1);
    CHECK(all[0].kind == c.kind);
    CHECK(all[0].signature.trusted == c.trusted);
    if (c.trusted == Trusted::invalid) CHECK_FALSE(all[0].signature.why.empty());
  }
}

TEST_CASE("signatures of the version are no evidence") {
  World world;
  REQUIRE(sign_version(*world.store, world.model, world.digest, world.signer, when));
  CHECK(world.seen({}).empty());
  // Nor does an annotation make evidence of one.
  const auto signature = make_statement(world.model, world.digest, "https://sigstore.dev/cosign/sign/v1", {});
  auto bundle = sign_statement(world.signer, signature.dump());
  REQUIRE(bundle);
  world.plant(*bundle, {{oci::evidence_annotation, "gate"}});
  CHECK(world.seen({}).empty());
}

TEST_CASE("a push with a key signs the version and what is said about it; again, it adds nothing") {
  World world;
  PushMetadata said;
  said.metadata = R"({"baseModel":"llm/base"})";
  said.commit = std::string(40, 'c');
  said.repository = "https://ada:s3cret@git.example/r";
  said.signer = world.signer;
  for (int i = 0; i < 2; ++i) {
    auto report = push(*world.store, world.model, test::small_model(), test::version("v1.0.1"), said, no_progress());
    REQUIRE_MESSAGE(report, (report ? "" : report.error().message));
    CHECK(report->manifest == world.digest);
    const auto all = world.seen(own_trust(world.signer));
    REQUIRE(all.size() == 2);
    CHECK(all[0].kind == EvidenceKind::provenance);
    CHECK(all[1].kind == EvidenceKind::metadata);
    for (const auto& one : all) {
      CHECK(one.signature.trusted == Trusted::valid);
      CHECK(one.statement.find("s3cret") == std::string::npos);
    }
    CHECK(all[0].statement.find("llm/base") != std::string::npos);
    const auto signs = signatures(*world.store, world.model, world.digest, own_trust(world.signer), at(june));
    REQUIRE(signs);
    REQUIRE(signs->size() == 2);
    for (const auto& one : *signs) CHECK(one.state.trusted == Trusted::valid);
  }
}

}  // namespace
}  // namespace mlctl::registry
