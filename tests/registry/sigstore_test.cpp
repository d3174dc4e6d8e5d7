#include "registry/sigstore.h"

#include <doctest/doctest.h>
#include <functional>
#include <nlohmann/json.hpp>

#include "registry/base64.h"
#include "registry/dsse.h"
#include "registry/sign.h"
#include "tests/registry/signing_fixture.h"

namespace mlctl::registry {
namespace {

using nlohmann::json;
using test::at;
using test::june;
using test::Keys;

constexpr const char* statement =
    R"({"_type":"https://in-toto.io/Statement/v1","predicateType":"https://x.example/v1"})";

TEST_CASE("dsse: what is signed, as the specification shows it") {
  CHECK(pae("http://example.com/HelloWorld", "hello world") ==
        "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
  CHECK(pae("", "") == "DSSEv1 0  0 ");
  CHECK(pae("t", std::string("a\0b", 3)) == std::string("DSSEv1 1 t 3 a\0b", 16));
  // As Python 3.11 prints bytes.
  CHECK(pae_before_1_0("t", "{\"a\": 1}\n") == "DSSEV1 1 t 9 b'{\"a\": 1}\\n'");
  CHECK(pae_before_1_0("t", "it's") == "DSSEV1 1 t 4 b\"it's\"");
  CHECK(pae_before_1_0("t", "it's \"\\\t\r\x01\xc3\xa9") == "DSSEV1 1 t 12 b'it\\'s \"\\\\\\t\\r\\x01\\xc3\\xa9'");
}

TEST_CASE("dsse: base64, standard and URL-safe") {
  CHECK(from_any_base64("+/+/") == "\xfb\xff\xbf");
  CHECK(from_any_base64("-_-_") == "\xfb\xff\xbf");
  CHECK(from_any_base64("YQ==") == "a");
  CHECK(from_any_base64("YQ") == "a");
  CHECK_FALSE(from_any_base64("Y"));
  CHECK_FALSE(from_any_base64("YQ ="));
  CHECK_FALSE(from_any_base64("\xc3\xa9"));
}

TEST_CASE("bundles: what is written is read back") {
  SigstoreBundle bundle{statement, "signature\0\xff", "ab12", "", {}};
  auto read = parse_sigstore(to_json(bundle, true));
  REQUIRE(read);
  CHECK(read->payload == bundle.payload);
  CHECK(read->signature == bundle.signature);
  CHECK(read->hint == "ab12");
  CHECK(read->certificates.empty());
  bundle.certificates = {"leaf"};
  CHECK(json::parse(to_json(bundle, false))["verificationMaterial"].contains("certificate"));
  CHECK(json::parse(to_json(bundle, true))["verificationMaterial"].contains("x509CertificateChain"));
  for (const bool as_chain : {false, true}) {
    read = parse_sigstore(to_json(bundle, as_chain));
    REQUIRE(read);
    CHECK(read->certificates == bundle.certificates);
  }
  bundle.certificates = {"leaf", "between"};
  read = parse_sigstore(to_json(bundle, false));
  REQUIRE(read);
  CHECK(read->certificates == bundle.certificates);
}

struct Change {
  const char* name;
  std::function<void(json&)> make;
};

TEST_CASE("bundles: older shapes are read") {
  const Keys keys;
  const auto signer = keys.signer();
  const auto trust = test::trust_in(signer);
  const auto original = json::parse(*sign_statement(signer, statement));
  const auto pem = signer.key.public_key().pem();
  const Change changes[] = {
      {"v0.1", [](json& b) { b["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.1"; }},
      {"v0.2", [](json& b) { b["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.2"; }},
      {"v0.3, the other spelling",
       [](json& b) { b["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.3"; }},
      {"keyid null", [](json& b) { b["dsseEnvelope"]["signatures"][0]["keyid"] = nullptr; }},
      {"no keyid", [](json& b) { b["dsseEnvelope"]["signatures"][0].erase("keyid"); }},
      {"no tlogEntries", [](json& b) { b["verificationMaterial"].erase("tlogEntries"); }},
      {"the key itself",
       [&](json& b) {
         b["verificationMaterial"]["publicKey"] = {{"rawBytes", to_base64(pem)}, {"keyDetails", "PKIX_ECDSA_P256"}};
       }},
      {"a hint of another kind", [](json& b) { b["verificationMaterial"]["publicKey"]["hint"] = "key-1"; }},
      {"a hint that is null", [](json& b) { b["verificationMaterial"]["publicKey"]["hint"] = nullptr; }},
      {"other material null", [](json& b) { b["verificationMaterial"]["certificate"] = nullptr; }},
      {"keys that come later", [](json& b) { b["later"] = b["dsseEnvelope"]["later"] = 1; }},
      {"URL-safe base64",
       [](json& b) {
         auto text = b["dsseEnvelope"]["signatures"][0]["sig"].get<std::string>();
         for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
         b["dsseEnvelope"]["signatures"][0]["sig"] = text;
       }},
  };
  for (const auto& change : changes) {
    CAPTURE(change.name);
    auto changed = original;
    change.make(changed);
    const auto opened = open_bundle(changed.dump(), trust, at(june));
    REQUIRE_MESSAGE(opened, (opened ? "" : opened.error().message));
    CHECK(opened->state.trusted == Trusted::valid);
    CHECK(opened->statement == statement);
  }
}

TEST_CASE("bundles: what is none is refused") {
  const Keys keys;
  const auto signer = keys.signer();
  const auto original = json::parse(*sign_statement(signer, statement));
  const Change changes[] = {
      {"another type", [](json& b) { b["mediaType"] = "application/json"; }},
      {"a newer version", [](json& b) { b["mediaType"] = "application/vnd.dev.sigstore.bundle.v0.4+json"; }},
      {"no type", [](json& b) { b.erase("mediaType"); }},
      {"no material", [](json& b) { b.erase("verificationMaterial"); }},
      {"nobody in the material", [](json& b) { b["verificationMaterial"].erase("publicKey"); }},
      {"a key and a certificate", [](json& b) { b["verificationMaterial"]["certificate"] = {{"rawBytes", "YQ=="}}; }},
      {"a key that is a text", [](json& b) { b["verificationMaterial"]["publicKey"] = "k"; }},
      {"a hint that is a number", [](json& b) { b["verificationMaterial"]["publicKey"]["hint"] = 1; }},
      {"a huge hint", [](json& b) { b["verificationMaterial"]["publicKey"]["hint"] = std::string(1001, 'x'); }},
      {"a key that is not in base64", [](json& b) { b["verificationMaterial"]["publicKey"]["rawBytes"] = "?"; }},
      {"an empty chain",
       [](json& b) { b["verificationMaterial"] = {{"x509CertificateChain", {{"certificates", json::array()}}}}; }},
      {"a long chain",
       [](json& b) {
         b["verificationMaterial"] = {
             {"x509CertificateChain", {{"certificates", json(11, json{{"rawBytes", "YQ=="}})}}}};
       }},
      {"no envelope", [](json& b) { b.erase("dsseEnvelope"); }},
      {"a message beside the envelope", [](json& b) { b["messageSignature"] = {{"signature", "YQ=="}}; }},
      {"another payload", [](json& b) { b["dsseEnvelope"]["payloadType"] = "text/plain"; }},
      {"no payload", [](json& b) { b["dsseEnvelope"].erase("payload"); }},
      {"an empty payload", [](json& b) { b["dsseEnvelope"]["payload"] = ""; }},
      {"a payload that is not in base64", [](json& b) { b["dsseEnvelope"]["payload"] = "{}"; }},
      {"no signature", [](json& b) { b["dsseEnvelope"]["signatures"] = json::array(); }},
      {"two signatures",
       [](json& b) { b["dsseEnvelope"]["signatures"].push_back(b["dsseEnvelope"]["signatures"][0]); }},
      {"an empty signature", [](json& b) { b["dsseEnvelope"]["signatures"][0]["sig"] = ""; }},
      {"a keyid that is a number", [](json& b) { b["dsseEnvelope"]["signatures"][0]["keyid"] = 1; }},
  };
  for (const auto& change : changes) {
    CAPTURE(change.name);
    auto changed = original;
    change.make(changed);
    const auto opened = open_bundle(changed.dump(), test::trust_in(signer), at(june));
    REQUIRE_FALSE(opened);
    CHECK(opened.error().kind == Error::Kind::corrupt);
  }
  const auto text = original.dump();
  for (const auto& broken :
       {text.substr(0, text.size() - 1), text.substr(0, text.size() / 2), std::string(), std::string("[]"), text + text,
        std::string(1000, '['), "{\"mediaType\":\"x\"," + text.substr(1)}) {
    const auto opened = open_bundle(broken, test::trust_in(signer), at(june));
    REQUIRE_FALSE(opened);
    CHECK(opened.error().kind == Error::Kind::corrupt);
  }
}

}  // namespace
}  // namespace mlctl::registry
