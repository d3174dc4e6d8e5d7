#include "registry/sign.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "base/document.h"
#include "registry/base64.h"
#include "registry/oci.h"
#include "registry/query.h"
#include "registry/sigstore.h"
#include "tests/registry/model_fixture.h"
#include "tests/registry/signing_fixture.h"

namespace mlctl::registry {
namespace {

using nlohmann::json;
using test::at;
using test::june;
using test::Keys;
using test::trust_in;

constexpr const char* statement =
    R"({"_type":"https://in-toto.io/Statement/v1","predicateType":"https://x.example/v1"})";
constexpr const char* when = "2026-06-01T00:00:00Z";

SignatureState state_of(std::string_view bundle, const Trust& trust, long now = june) {
  auto opened = open_bundle(bundle, trust, at(now));
  REQUIRE_MESSAGE(opened, (opened ? "" : opened.error().message));
  return opened->state;
}

// The same bundle over something else.
std::string retold(const std::string& bundle) {
  auto value = json::parse(bundle);
  value["dsseEnvelope"]["payload"] = to_base64(R"({"_type":"https://in-toto.io/Statement/v1","x":1})");
  return value.dump();
}

TEST_CASE("signatures by a key: whom they convince") {
  const Keys keys;
  for (const std::string kind : {"P-256", "P-384", "Ed25519"}) {
    CAPTURE(kind);
    const auto signer = keys.signer(kind), other = keys.signer(kind);
    const auto bundle = sign_statement(signer, statement);
    REQUIRE(bundle);
    Trust both = trust_in(other);
    both.keys.push_back(signer.key.public_key());
    CHECK(state_of(*bundle, trust_in(signer)).trusted == Trusted::valid);
    CHECK(state_of(*bundle, both).trusted == Trusted::valid);
    CHECK(state_of(*bundle, both).by == "key " + signer.key.public_key().hint().substr(0, 12));
    CHECK(state_of(*bundle, trust_in(other)).trusted == Trusted::untrusted);
    CHECK(state_of(*bundle, {}).trusted == Trusted::untrusted);
    CHECK(state_of(retold(*bundle), both).trusted == Trusted::invalid);
    CHECK(state_of(retold(*bundle), trust_in(other)).trusted == Trusted::untrusted);
    // Somebody puts the name of a trusted key on what he signed.
    auto forged = json::parse(*sign_statement(other, statement));
    forged["verificationMaterial"]["publicKey"]["hint"] = signer.key.public_key().hint();
    CHECK(state_of(forged.dump(), trust_in(signer)).trusted == Trusted::invalid);
    // Or brings his own key.
    auto own = json::parse(*sign_statement(other, statement));
    own["verificationMaterial"]["publicKey"] = {{"rawBytes", to_base64(other.key.public_key().pem())}};
    CHECK(state_of(own.dump(), trust_in(signer)).trusted == Trusted::untrusted);
    CHECK(state_of(retold(own.dump()), trust_in(signer)).trusted == Trusted::invalid);
    own["verificationMaterial"]["publicKey"] = {{"rawBytes", to_base64("no key")}};
    CHECK(state_of(own.dump(), trust_in(signer)).trusted == Trusted::invalid);
  }
}

TEST_CASE("signatures with a certificate: whom they convince") {
  const Keys keys, others;
  const auto signer = keys.certified();
  const auto bundle = sign_statement(signer, statement);
  REQUIRE(bundle);
  struct Case {
    std::string name;
    Trust trust;
    long now;
    Trusted expected;
  };
  const std::string who = "release@models.example";
  const Case cases[] = {
      {"the roots alone", keys.roots(), june, Trusted::valid},
      {"the identity", keys.roots({"other@models.example", who}), june, Trusted::valid},
      {"the key alone", trust_in(signer), june, Trusted::valid},
      {"another identity", keys.roots({"other@models.example"}), june, Trusted::untrusted},
      {"the beginning of the identity", keys.roots({"release@models.exampl"}), june, Trusted::untrusted},
      {"another authority", others.roots(), june, Trusted::untrusted},
      {"before its time", keys.roots(), mlctl::test::Authority::from - 10, Trusted::untrusted},
      {"after its time", keys.roots(), mlctl::test::Authority::until + 10, Trusted::untrusted},
      {"another key, no roots", trust_in(others.signer()), june, Trusted::untrusted},
      {"nothing", {}, june, Trusted::untrusted},
  };
  for (const auto& one : cases) {
    CAPTURE(one.name);
    const auto state = state_of(*bundle, one.trust, one.now);
    CHECK(state.trusted == one.expected);
    CHECK(state.by == who);
    CHECK(state.why.empty() == (one.expected == Trusted::valid));
    CHECK(state_of(retold(*bundle), one.trust, one.now).trusted == Trusted::invalid);
  }
  // The root is not sent along; whoever trusts it has it.
  CHECK(json::parse(*bundle)["verificationMaterial"]["x509CertificateChain"]["certificates"].size() == 2);
  const auto broken = open_bundle(*bundle, {{}, "no certificate", {}}, at(june));
  REQUIRE_FALSE(broken);
  CHECK(broken.error().kind == Error::Kind::usage);
}

TEST_CASE("signers: what is refused") {
  const Keys keys;
  const auto path = [&](const char* name, const std::string& text) {
    test::put(keys.folder.path() / name, text);
    return (keys.folder.path() / name).string();
  };
  const auto key = path("a.key", mlctl::test::private_pem(keys.authority.leaf_key));
  const auto leaf = mlctl::test::pem_of(keys.authority.leaf);
  CHECK_FALSE(*signer_from("", "", "", at(june)));
  struct Case {
    const char* name;
    std::string key, chain;
    Error::Kind kind;
    long now = june;
  };
  const auto host = keys.authority.make_leaf({{NID_ext_key_usage, "serverAuth"}});
  const Case cases[] = {
      {"a certificate without a key", "", path("leaf.pem", leaf), Error::Kind::usage},
      {"another key's certificate", path("b.key", mlctl::test::private_pem(mlctl::test::make_key("P-256"))),
       path("leaf.pem", leaf), Error::Kind::usage},
      {"the chain in the wrong order", key, path("turned.pem", mlctl::test::pem_of(keys.authority.root) + leaf),
       Error::Kind::usage},
      {"no certificate", key, path("none.pem", ""), Error::Kind::usage},
      {"no file", key, (keys.folder.path() / "absent").string(), Error::Kind::not_found},
      {"no key's file", (keys.folder.path() / "absent").string(), "", Error::Kind::credentials},
      {"a certificate that has ended", key, path("leaf.pem", leaf), Error::Kind::usage, mlctl::test::Authority::until},
      {"one that begins later", key, path("leaf.pem", leaf), Error::Kind::usage, mlctl::test::Authority::from},
      {"one for a server", key, path("host.pem", mlctl::test::pem_of(host)), Error::Kind::usage},
  };
  for (const auto& one : cases) {
    CAPTURE(one.name);
    const auto signer = signer_from(one.key, one.chain, "", at(one.now));
    REQUIRE_FALSE(signer);
    CHECK(signer.error().kind == one.kind);
  }
}

struct World {
  TemporaryFolder folder = test::temporary_folder();
  std::unique_ptr<Store> store = std::move(*open_disk_store(folder.path()));
  ModelName model = test::name("fraud/a");
  Digest digest = test::pushed(*store, "fraud/a", "v1.0.0", test::small_model()).manifest;
  Digest other = test::pushed(*store, "fraud/a", "v2.0.0", test::small_model("{\"learner\":{\"x\":1}}")).manifest;

  Signed sign(const Signer& signer, const Digest& about) {
    auto done = sign_version(*store, model, about, signer, when);
    REQUIRE_MESSAGE(done, (done ? "" : done.error().message));
    return *done;
  }
  std::vector<VersionSignature> read(const Digest& about, const Trust& trust) {
    auto found = signatures(*store, model, about, trust, at(june));
    REQUIRE_MESSAGE(found, (found ? "" : found.error().message));
    return *found;
  }
  // A bundle attached by whoever may write to the registry.
  void attach(const Digest& about, const std::string& bundle, const std::string& predicate) {
    auto manifest = json::parse(*store->read_manifest(model, about));
    const std::string empty = "{}";
    REQUIRE(store->put_blob(model, empty));
    REQUIRE(store->put_blob(model, bundle));
    json value{{"schemaVersion", 2},
               {"mediaType", oci::manifest_type},
               {"artifactType", bundle_type},
               {"config", oci::to_json({oci::empty_type, digest_of(empty), empty.size(), "", {}})},
               {"layers", {oci::to_json({bundle_type, digest_of(bundle), bundle.size(), "", {}})}},
               {"subject", oci::to_json({oci::manifest_type, about, manifest.dump().size(), "", {}})}};
    const auto text = value.dump();
    Descriptor entry{oci::manifest_type, digest_of(text), text.size(), bundle_type, {}};
    if (!predicate.empty()) entry.annotations["dev.sigstore.bundle.predicateType"] = predicate;
    REQUIRE(store->put_referrer(model, about, entry, text));
  }
};

TEST_CASE("a version: both signatures are found and hold, a second time adds none") {
  const Keys keys;
  World world;
  const auto signer = keys.signer(), second = keys.signer("P-384"), certified = keys.certified();
  CHECK(world.read(world.digest, trust_in(signer)).empty());
  CHECK_FALSE(world.sign(signer, world.digest).existed);
  const auto found = world.read(world.digest, trust_in(signer));
  REQUIRE(found.size() == 2);
  CHECK(found[0].kind == "oms");
  CHECK(found[1].kind == "cosign");
  for (const auto& one : found) {
    CHECK(one.state.trusted == Trusted::valid);
    CHECK(one.created == when);
  }
  CHECK_FALSE(covers_version(found[0]));  // the same files may stand in another manifest
  CHECK(covers_version(found[1]));
  CHECK(world.read(world.other, trust_in(signer)).empty());
  const auto again = world.sign(signer, world.digest);
  CHECK(again.existed);
  CHECK(again.oms == world.sign(signer, world.digest).oms);
  CHECK(world.read(world.digest, trust_in(signer)).size() == 2);

  CHECK_FALSE(world.sign(second, world.digest).existed);
  CHECK_FALSE(world.sign(certified, world.digest).existed);
  CHECK(world.sign(certified, world.digest).existed);
  const auto all = world.read(world.digest, trust_in(second));
  REQUIRE(all.size() == 6);
  for (std::size_t i = 0; i < all.size(); ++i)
    CHECK(all[i].state.trusted == (i / 2 == 1 ? Trusted::valid : Trusted::untrusted));
  CHECK(verify(*world.store, world.model, world.digest)->problems.empty());
}

TEST_CASE("a version: the cosign shape") {
  const Keys keys;
  World world;
  world.sign(keys.signer(), world.digest);
  const auto entries = world.store->referrers(world.model, world.digest);
  REQUIRE(entries);
  std::size_t seen = 0;
  for (const auto& entry : *entries) {
    if (entry.artifact_type != bundle_type) continue;
    ++seen;
    const auto manifest = json::parse(*world.store->read_manifest(world.model, entry.digest));
    CHECK(manifest["artifactType"] == "application/vnd.dev.sigstore.bundle.v0.3+json");
    CHECK(manifest["config"]["mediaType"] == "application/vnd.oci.empty.v1+json");
    CHECK(manifest["config"]["digest"] == "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
    CHECK(manifest["layers"].size() == 1);
    CHECK(manifest["layers"][0]["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json");
    CHECK(manifest["subject"]["digest"] == to_string(world.digest));
    CHECK(manifest["annotations"]["org.opencontainers.image.created"] == when);
    CHECK(manifest["annotations"]["dev.sigstore.bundle.content"] == "dsse-envelope");
    if (manifest["annotations"]["dev.sigstore.bundle.predicateType"] != "https://sigstore.dev/cosign/sign/v1") continue;
    auto layer = parse_digest(manifest["layers"][0]["digest"].get<std::string>());
    const auto bundle = parse_sigstore(*world.store->read_blob(world.model, *layer, 1U << 20U));
    REQUIRE(bundle);
    const auto said = json::parse(bundle->payload);
    CHECK(said["subject"][0]["digest"]["sha256"] == world.digest.hex());
    CHECK(said["predicateType"] == "https://sigstore.dev/cosign/sign/v1");
  }
  CHECK(seen == 2);
}

TEST_CASE("a version: what only looks like its signature") {
  const Keys keys;
  const auto signer = keys.signer();
  const std::string cosign = "https://sigstore.dev/cosign/sign/v1", oms = "https://model_signing/signature/v1.0";
  const auto about = [&](const Digest& digest) {
    return R"({"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":")" + digest.hex() +
           R"("}}],"predicateType":"https://sigstore.dev/cosign/sign/v1","predicate":{}})";
  };
  World world;
  const auto other_files = world.sign(signer, world.other).oms;
  const auto other_digest = *sign_statement(signer, about(world.other));
  const auto good = *sign_statement(signer, about(world.digest));
  struct Case {
    std::string name, bundle, predicate;
    std::optional<Trusted> expected;  // none: not taken for a signature of the version at all
  };
  const Case cases[] = {
      {"good, without annotation", good, "", Trusted::valid},
      {"good, and it says so", good, cosign, Trusted::valid},
      {"good, but said to be of the other kind", good, oms, Trusted::invalid},
      {"of another version's digest", other_digest, cosign, Trusted::invalid},
      {"of another version's files", other_files, oms, Trusted::invalid},
      {"no bundle", "{}", cosign, Trusted::invalid},
      {"no bundle, without annotation", "{}", "", Trusted::invalid},
      {"no statement that anybody knows",
       *sign_statement(signer, std::string(about(world.digest)).replace(10, 31, "https://in-toto.io/Statement/v9")),
       cosign, Trusted::invalid},
      {"cut off", good.substr(0, good.size() / 2), cosign, Trusted::invalid},
      {"changed", retold(good), cosign, Trusted::invalid},
      {"somebody else's", *sign_statement(keys.signer(), about(world.digest)), cosign, Trusted::untrusted},
      {"a statement of another type, and it says so", *sign_statement(signer, statement), "https://x.example/v1", {}},
      {"a statement of another type", *sign_statement(signer, statement), "", {}},
  };
  for (const auto& one : cases) {
    CAPTURE(one.name);
    World fresh;
    REQUIRE(fresh.digest == world.digest);
    fresh.attach(fresh.digest, one.bundle, one.predicate);
    const auto found = fresh.read(fresh.digest, trust_in(signer));
    REQUIRE(found.size() == (one.expected ? 1 : 0));
    if (!one.expected) continue;
    CHECK(found[0].state.trusted == *one.expected);
    CHECK(found[0].state.why.empty() == (*one.expected == Trusted::valid));
    // None of them keeps the owner of the key from signing.
    CHECK(fresh.sign(signer, fresh.digest).existed == false);
    const auto after = fresh.read(fresh.digest, trust_in(signer));
    CHECK(after.size() == (*one.expected == Trusted::valid ? 2 : 3));
  }
}

TEST_CASE("a version that is not there cannot be signed") {
  const Keys keys;
  World world;
  const auto signed_ = sign_version(*world.store, world.model, digest_of("nothing"), keys.signer(), when);
  REQUIRE_FALSE(signed_);
  CHECK(signed_.error().kind == Error::Kind::not_found);
}

}  // namespace
}  // namespace mlctl::registry
