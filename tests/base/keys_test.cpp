#include "base/keys.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/filesystem.h"
#include "tests/base/key_maker.h"

using namespace mlctl;

namespace {

struct Folder {
  TemporaryFolder folder = std::move(*TemporaryFolder::create());
  [[nodiscard]] std::filesystem::path put(const std::string& name, const std::string& text,
                                          unsigned mode = 0600) const {
    const auto path = folder.path() / name;
    REQUIRE(write_file(path, text, mode));
    return path;
  }
};

// SubjectPublicKeyInfo in DER of the point (x, y), or of 32 bytes for Ed25519.
std::string spki(const std::string& kind, const std::string& hex) {
  const std::string head = kind == "P-256"   ? "3059301306072a8648ce3d020106082a8648ce3d03010703420004"
                           : kind == "P-384" ? "3076301006072a8648ce3d020106052b8104002203620004"
                                             : "302a300506032b6570032100";
  return test::from_hex(head + hex);
}

}  // namespace

TEST_CASE("keys: known answers") {
  struct Vector {
    const char *name, *kind, *key, *message, *signature;
  };
  // ECDSA: RFC 6979 A.2.5 and A.2.6, "sample", put into DER. Ed25519: RFC 8032, 7.1, tests 2 and 3.
  static const Vector vectors[] = {
      {"P-256", "P-256",
       "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
       "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299",
       "73616d706c65",
       "3046022100EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
       "022100F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"},
      {"P-384", "P-384",
       "EC3A4E415B4E19A4568618029F427FA5DA9A8BC4AE92E02E06AAE5286B300C64DEF8F0EA9055866064A254515480BC13"
       "8015D9B72D7D57244EA8EF9AC0C621896708A59367F9DFB9F54CA84B3F1C9DB1288B231C3AE0D4FE7344FD2533264720",
       "73616d706c65",
       "306602310094EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46"
       "02310099EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8"},
      {"Ed25519, one byte", "Ed25519", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
       "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
       "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
      {"Ed25519, two bytes", "Ed25519", "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
       "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
       "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
  };
  for (const auto& vector : vectors) {
    CAPTURE(vector.name);
    const auto key = parse_public_key_der(spki(vector.kind, vector.key));
    REQUIRE(key);
    CHECK(std::string(key->kind()) == vector.kind);
    const auto message = test::from_hex(vector.message);
    auto signature = test::from_hex(vector.signature);
    CHECK(key->verify(message, signature));
    CHECK_FALSE(key->verify(message + "x", signature));
    CHECK_FALSE(key->verify("", signature));
    CHECK_FALSE(key->verify(message, ""));
    CHECK_FALSE(key->verify(message, signature + '\0'));
    signature.back() = static_cast<char>(signature.back() ^ 1);
    CHECK_FALSE(key->verify(message, signature));
  }
}

TEST_CASE("keys: every kind signs, and only its own public half verifies") {
  const Folder folder;
  for (const std::string kind : {"P-256", "P-384", "P-521", "Ed25519"}) {
    CAPTURE(kind);
    const auto made = test::make_key(kind);
    const auto key = load_private_key(folder.put("k", test::private_pem(made)), "");
    REQUIRE(key);
    CHECK(key->public_key().pem() == test::public_pem(made));
    CHECK(key->public_key().hint() == digest_of(test::public_pem(made)).hex());
    CHECK(std::string(key->public_key().kind()) == kind);
    const auto signature = key->sign("what is signed");
    REQUIRE(signature);
    const auto shown = parse_public_key(test::public_pem(made));
    REQUIRE(shown);
    CHECK(*shown == key->public_key());
    CHECK(shown->verify("what is signed", *signature));
    CHECK_FALSE(shown->verify("what is not", *signature));
    const auto other = parse_public_key(test::public_pem(test::make_key(kind)));
    REQUIRE(other);
    CHECK_FALSE(*other == *shown);
    CHECK_FALSE(other->verify("what is signed", *signature));
  }
}

TEST_CASE("keys: an encrypted key opens with its passphrase, and no message holds one") {
  const Folder folder;
  const auto path = folder.put("k", test::private_pem(test::make_key("P-256"), "correct horse"));
  CHECK(load_private_key(path, "correct horse"));
  struct Case {
    const char *name, *passphrase, *message;
  };
  static const Case cases[] = {{"none given", "", "is encrypted"},
                               {"a wrong one", "battery staple", "the passphrase does not open it"}};
  for (const auto& one : cases) {
    CAPTURE(one.name);
    const auto key = load_private_key(path, one.passphrase);
    REQUIRE_FALSE(key);
    CHECK(key.error().kind == Error::Kind::credentials);
    CHECK(key.error().message.find(one.message) != std::string::npos);
    CHECK(key.error().message.find("battery") == std::string::npos);
    CHECK(key.error().hint.find("MLCTL_SIGNING_KEY_PASSPHRASE") != std::string::npos);
  }
  CHECK_FALSE(load_private_key(path, std::string(5000, 'x')));
}

TEST_CASE("keys: what is no key for signing is refused by name") {
  const Folder folder;
  const auto good = test::private_pem(test::make_key("P-256"));
  struct Case {
    std::string name, text, message;
    Error::Kind kind;
  };
  const Case cases[] = {
      {"RSA", test::private_pem(test::make_key("RSA")), "not used for signing: RSA", Error::Kind::usage},
      {"another curve", test::private_pem(test::make_key("secp256k1")), "secp256k1", Error::Kind::usage},
      {"a key for agreement", test::private_pem(test::make_key("X25519")), "X25519", Error::Kind::usage},
      {"a public key", test::public_pem(test::make_key("P-256")), "no private key in PEM", Error::Kind::usage},
      {"cut off", good.substr(0, good.size() / 2), "no private key in PEM", Error::Kind::usage},
      {"nothing", "", "no private key in PEM", Error::Kind::usage},
      {"huge", good + std::string(key_limit, '\n'), "too large", Error::Kind::usage},
  };
  for (const auto& one : cases) {
    CAPTURE(one.name);
    const auto key = load_private_key(folder.put("k", one.text), "");
    REQUIRE_FALSE(key);
    CAPTURE(key.error().message);
    CHECK(key.error().kind == one.kind);
    CHECK(key.error().message.find(one.message) != std::string::npos);
    CHECK(key.error().message.find("BEGIN") == std::string::npos);
  }
  const auto none = load_private_key(folder.folder.path() / "none", "");
  REQUIRE_FALSE(none);
  CHECK(none.error().kind == Error::Kind::credentials);
  for (const std::string kind : {"RSA", "secp256k1", "X25519"}) {
    CAPTURE(kind);
    CHECK_FALSE(parse_public_key(test::public_pem(test::make_key(kind))));
  }
  CHECK_FALSE(parse_public_key(good));
  CHECK_FALSE(parse_public_key(""));
  CHECK_FALSE(parse_public_key(std::string(key_limit + 1, 'x')));
  CHECK_FALSE(parse_public_key_der(""));
  CHECK_FALSE(parse_public_key_der(spki("Ed25519", std::string(64, '0')) + "x"));
}

TEST_CASE("keys: a file that others may read is warned of") {
  const Folder folder;
  const auto path = folder.put("k", "x");
  CHECK(key_file_warning(path).empty());
  for (const unsigned mode : {0640U, 0604U, 0620U}) {
    ::chmod(path.c_str(), mode);
    CHECK(key_file_warning(path).find("chmod 600") != std::string::npos);
  }
  CHECK(key_file_warning(folder.folder.path() / "none").empty());
}
