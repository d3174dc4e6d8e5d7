#include "registry/trust_config.h"

#include <doctest/doctest.h>

#include "base/filesystem.h"
#include "registry/evidence.h"
#include "tests/registry/folder_fixture.h"

namespace mlctl::registry {
namespace {

// P-256, made by `openssl ecparam -genkey`; it opens nothing.
constexpr const char* public_key =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAELyKwcV6j51AYzgY6wRf65adxtcu/\n"
    "PphVv8jVXBmhnWEzkIzR19QXoE/Qze5Q8392+FmljgNwe9okrgCPFh7jug==\n"
    "-----END PUBLIC KEY-----\n";

Result<TrustConfig> decoded(const std::string& yaml) {
  auto node = parse_yaml(yaml, "mlctl.yaml");
  REQUIRE(node);
  REQUIRE(check_config(*node, trust_table()).empty());
  return decode_trust(*node);
}

TEST_CASE("trust names somebody, and identities need roots") {
  CHECK(decoded("{keys: [a.pem]}"));
  CHECK(decoded("{roots: [ca.pem]}"));
  CHECK(decoded("{keys: [a.pem], roots: [ca.pem], identities: [ada@example.org]}"));
  for (const char* bad : {"{}", "{keys: []}", "{identities: [ada@example.org]}",
                          "{keys: [a.pem], identities: [ada@example.org]}", "{roots: [ca.pem], identities: []}"}) {
    CAPTURE(bad);
    const auto refused = decoded(bad);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == Error::Kind::usage);
    CHECK(refused.error().message.find("mlctl.yaml:1:1") != std::string::npos);
    CHECK_FALSE(refused.error().hint.empty());
  }
  const auto unknown = parse_yaml("{key: [a.pem]}", "mlctl.yaml");
  REQUIRE(unknown);
  const auto problems = check_config(*unknown, trust_table());
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].hint.find("keys") != std::string::npos);
}

TEST_CASE("load_trust: public keys and certificates only, and a private key is refused loudly") {
  struct Case {
    const char* name;
    TrustConfig config;
    const char* says;  // "": accepted
  };
  const auto folder = test::temporary_folder();
  const std::string secret = std::string("-----BEGIN ") + "PRIVATE KEY-----\nMC4CAQA\n-----END " + "PRIVATE KEY-----\n";
  test::put(folder.path() / "keys/a.pem", public_key);
  test::put(folder.path() / "private.pem", secret);
  test::put(folder.path() / "both.pem", public_key + secret);
  test::put(folder.path() / "text.pem", "hello\n");
  test::put(folder.path() / "huge.pem", std::string(2U << 20U, 'x'));
  for (const auto& c : std::vector<Case>{
           {"a public key", {{"keys/a.pem"}, {}, {}}, ""},
           {"a private key", {{"private.pem"}, {}, {}}, "holds a private key"},
           {"a private key beside a public one", {{"both.pem"}, {}, {}}, "holds a private key"},
           {"a private key among the roots", {{}, {"private.pem"}, {}}, "holds a private key"},
           {"no key", {{"text.pem"}, {}, {}}, "text.pem is no public key"},
           {"no certificate", {{}, {"keys/a.pem"}, {}}, "holds no certificate"},
           {"no file", {{"keys/b.pem"}, {}, {}}, "keys/b.pem"},
           {"a folder", {{"keys"}, {}, {}}, "keys"},
           {"a file beyond any key", {{"huge.pem"}, {}, {}}, "huge.pem"},
       }) {
    CAPTURE(c.name);
    const auto trust = load_trust(c.config, folder.path());
    CHECK(bool(trust) == (c.says[0] == '\0'));
    if (trust) CHECK(trust->keys.size() == c.config.keys.size());
    if (trust) continue;
    CHECK(trust.error().kind == Error::Kind::usage);
    CHECK(trust.error().message.find(c.says) != std::string::npos);
    CHECK(trust.error().message.find("MC4CAQA") == std::string::npos);
  }
}

}  // namespace
}  // namespace mlctl::registry
