#include "base/digest.h"

#include <doctest/doctest.h>
#include <string>

using namespace std::string_literals;

TEST_CASE("SHA-256 gives the published values") {
  struct Case {
    const char* name;
    std::string bytes;
    const char* hex;
  };
  // FIPS 180-4 examples (NIST), and the empty message.
  const Case cases[] = {
      {"empty", "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"two blocks", "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {"a million a", std::string(1000000, 'a'), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    const auto digest = mlctl::digest_of(c.bytes);
    CHECK(digest.hex() == c.hex);
    CHECK(to_string(digest) == "sha256:"s + c.hex);
    CHECK(digest.brief() == std::string(c.hex).substr(0, 12));
  }
}

TEST_CASE("a hash fed in pieces is that of the whole, and moves") {
  mlctl::Sha256 first;
  first.update("ab");
  mlctl::Sha256 second = std::move(first);
  second.update("");
  second.update("c");
  CHECK(second.finish() == mlctl::digest_of("abc"));
}

TEST_CASE("only the exact OCI form is a digest") {
  const std::string hex(64, 'a');
  const auto good = mlctl::parse_digest("sha256:" + hex);
  REQUIRE(good);
  CHECK(good->hex() == hex);

  struct Case {
    const char* name;
    std::string text;
  };
  const Case cases[] = {
      {"empty", ""},
      {"without algorithm", hex},
      {"another algorithm", "sha512:" + hex},
      {"upper-case algorithm", "SHA256:" + hex},
      {"upper-case digits", "sha256:" + std::string(64, 'A')},
      {"too short", "sha256:" + hex.substr(1)},
      {"too long", "sha256:" + hex + "a"},
      {"no hex digit", "sha256:" + hex.substr(1) + "g"},
      {"a NUL inside", "sha256:" + hex.substr(1) + "\0"s},
      {"blank in front", " sha256:" + hex},
      {"newline behind", "sha256:" + hex + "\n"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    const auto bad = mlctl::parse_digest(c.text);
    REQUIRE_FALSE(bad);
    CHECK(bad.error().kind == mlctl::Error::Kind::usage);
  }
}
