#include "base/certificates.h"

#include <doctest/doctest.h>

#include "tests/base/key_maker.h"

using namespace mlctl;
using test::Authority;

namespace {

WallTime at(long seconds) {
  return WallTime{} + std::chrono::seconds(seconds);
}
constexpr long june = 1780272000;  // 2026-06-01

const Authority& authority() {
  static const Authority made;
  return made;
}

}  // namespace

TEST_CASE("certificates: PEM in, PEM out") {
  const auto& some = authority();
  const auto both = parse_certificates("a remark\n" + test::pem_of(some.leaf) + test::pem_of(some.root), 2);
  REQUIRE(both);
  REQUIRE(both->size() == 2);
  CHECK((*both)[0] == test::der_of(some.leaf));
  CHECK(certificate_pem((*both)[1]) == test::pem_of(some.root));
  CHECK(is_self_issued((*both)[1]));
  CHECK_FALSE(is_self_issued((*both)[0]));
  CHECK_FALSE(is_self_issued("no certificate"));
  CHECK(certificate_pem("no certificate").empty());
  const auto pem = test::pem_of(some.leaf);
  struct Case {
    std::string name, text;
  };
  const Case cases[] = {
      {"nothing", ""},
      {"a key", test::public_pem(some.leaf_key)},
      {"cut off", pem.substr(0, pem.size() / 2)},
      {"a good one and one that is cut off", pem + pem.substr(0, pem.size() / 2)},
      {"more than the limit", pem + pem + pem},
      {"huge", std::string(certificates_limit + 1, '\n')},
      {"encrypted, which would ask",
       "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: "
       "AES-256-CBC,00112233445566778899AABBCCDDEEFF\n\nAAAA\n-----END CERTIFICATE-----\n"},
  };
  for (const auto& one : cases) {
    CAPTURE(one.name);
    const auto parsed = parse_certificates(one.text, 2);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().kind == Error::Kind::usage);
  }
}

TEST_CASE("certificates: who they are for") {
  const auto& some = authority();
  struct Case {
    const char* name;
    std::vector<std::pair<int, std::string>> extensions;
    const char* identity;
  };
  static const Case cases[] = {
      {"an e-mail address", {{NID_subject_alt_name, "DNS:x.example,email:a@b.example"}}, "a@b.example"},
      {"a URI", {{NID_subject_alt_name, "URI:https://ci.example/models"}}, "https://ci.example/models"},
      {"the first of several",
       {{NID_subject_alt_name, "URI:https://first.example,email:a@b.example"}},
       "https://first.example"},
      {"only a host name: the common name does not count beside it", {{NID_subject_alt_name, "DNS:x.example"}}, ""},
      {"no name beside the subject", {}, "Release"},
  };
  for (const auto& one : cases) {
    CAPTURE(one.name);
    const auto facts = read_certificate(test::der_of(some.make_leaf(one.extensions)));
    REQUIRE(facts);
    CHECK(facts->identity == one.identity);
    CHECK(facts->key.pem() == test::public_pem(some.leaf_key));
    CHECK(facts->from == at(Authority::from + 1000));
    CHECK(facts->until == at(Authority::until - 1000));
  }
  const auto nameless =
      test::make_certificate({"", Authority::from, Authority::until}, some.leaf_key, nullptr, some.leaf_key);
  REQUIRE(read_certificate(test::der_of(nameless)));
  CHECK(read_certificate(test::der_of(nameless))->identity.empty());
  CHECK_FALSE(read_certificate(test::der_of(some.between)));  // RSA
  CHECK_FALSE(read_certificate("no certificate"));
}

TEST_CASE("certificates: which chains may sign") {
  const auto& some = authority();
  const auto leaf = test::der_of(some.leaf), between = test::der_of(some.between), root = test::der_of(some.root);
  const Authority other;
  const auto without = [&](std::vector<std::pair<int, std::string>> extensions) {
    return test::der_of(some.make_leaf(std::move(extensions)));
  };
  // A leaf that vouches for another one, which it may not.
  const auto forged = test::der_of(
      test::make_certificate({"Forged", Authority::from, Authority::until}, other.leaf_key, some.leaf, some.leaf_key));
  const auto unrelated = test::der_of(
      test::make_certificate({"Unrelated", Authority::from, Authority::until, {{NID_basic_constraints, Authority::ca}}},
                             other.root_key, nullptr, other.root_key));
  auto broken = leaf;
  broken.back() = static_cast<char>(broken.back() ^ 1);
  struct Case {
    std::string name;
    std::vector<std::string> chain, roots;
    long now;
    std::string why;  // "": it may
  };
  const Case cases[] = {
      {"leaf, between, root", {leaf, between, root}, {root}, june, ""},
      {"without the root, which is known", {leaf, between}, {root}, june, ""},
      {"what is between among the roots", {leaf}, {root, between}, june, ""},
      {"no usage said", {without({}), between}, {root}, june, ""},
      {"one more root", {leaf, between}, {unrelated, root}, june, ""},
      {"without what is between", {leaf}, {root}, june, "issuer certificate"},
      {"only what is between is trusted", {leaf, between}, {between}, june, "issuer certificate"},
      {"another root of the same name", {leaf, between}, {test::der_of(other.root)}, june, "certificate"},
      {"the chain brings its own root", {leaf, between, root}, {test::der_of(other.root)}, june, "certificate"},
      {"no roots", {leaf, between, root}, {}, june, "certificate"},
      {"no chain", {}, {root}, june, "no certificate"},
      {"not yet", {leaf, between}, {root}, Authority::from + 10, "not yet valid"},
      {"no longer", {leaf, between}, {root}, Authority::until - 10, "expired"},
      {"for encryption", {without({{NID_key_usage, "keyEncipherment"}}), between}, {root}, june, "keyUsage"},
      {"for servers", {without({{NID_ext_key_usage, "serverAuth"}}), between}, {root}, june, "extendedKeyUsage"},
      {"vouched for by a leaf", {forged, leaf, between}, {root}, june, "certificate"},
      {"changed", {broken, between}, {root}, june, "signature"},
      {"no certificate at all", {"x", between}, {root}, june, "no X.509 certificate"},
      {"no certificate between", {leaf, "x"}, {root}, june, "no X.509 certificate"},
      {"no certificate as a root", {leaf, between}, {"x"}, june, "no X.509 certificate"},
      {"a long chain", std::vector<std::string>(chain_limit + 1, leaf), {root}, june, "more than 10"},
  };
  for (const auto& one : cases) {
    CAPTURE(one.name);
    const auto verdict = verify_chain(one.chain, one.roots, at(one.now));
    if (one.why.empty()) {
      CHECK_MESSAGE(verdict, (verdict ? "" : verdict.error().message));
      continue;
    }
    REQUIRE_FALSE(verdict);
    CHECK(verdict.error().kind == Error::Kind::denied);
    CHECK_MESSAGE(verdict.error().message.find(one.why) != std::string::npos, verdict.error().message);
  }
}
