// Signers and trust for tests, with keys made on the spot.
#pragma once
#include <doctest/doctest.h>
#include <string>

#include "registry/sign.h"
#include "tests/base/key_maker.h"
#include "tests/registry/folder_fixture.h"

namespace mlctl::registry::test {

inline constexpr long june = 1780272000;  // 2026-06-01
inline WallTime at(long seconds) {
  return WallTime{} + std::chrono::seconds(seconds);
}

struct Keys {
  TemporaryFolder folder = temporary_folder();
  mlctl::test::Authority authority;

  [[nodiscard]] Signer signer(const std::string& kind = "P-256") const {
    return with(mlctl::test::private_pem(mlctl::test::make_key(kind)), "");
  }
  // The authority's leaf, with what is between it and the root, and the root.
  [[nodiscard]] Signer certified() const {
    return with(mlctl::test::private_pem(authority.leaf_key), mlctl::test::pem_of(authority.leaf) +
                                                                  mlctl::test::pem_of(authority.between) +
                                                                  mlctl::test::pem_of(authority.root));
  }
  [[nodiscard]] Signer with(const std::string& key, const std::string& chain) const {
    put(folder.path() / "key.pem", key);
    put(folder.path() / "chain.pem", chain);
    auto made = signer_from(folder.path() / "key.pem", chain.empty() ? "" : folder.path() / "chain.pem", "", at(june));
    REQUIRE_MESSAGE(made, (made ? "" : made.error().message));
    REQUIRE(*made);
    return std::move(**made);
  }
  [[nodiscard]] Trust roots(std::vector<std::string> identities = {}) const {
    return {{}, mlctl::test::pem_of(authority.root), std::move(identities)};
  }
};

inline Trust trust_in(const Signer& signer) {
  return {{signer.key.public_key()}, "", {}};
}

}  // namespace mlctl::registry::test
