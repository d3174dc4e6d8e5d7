// Keys for signing: the OpenSSL adapter. Files and texts in PEM; P-256, P-384, P-521 (ECDSA in DER over SHA-256, -384,
// -512) and Ed25519, everything else is refused by name. Nothing is ever asked on a terminal, and no message holds a
// secret. Sources: RFC 7468, RFC 5480, RFC 8410, FIPS 186-5.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace mlctl {

// Cheap to copy; never empty.
class PublicKey {
 public:
  struct State;
  explicit PublicKey(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  [[nodiscard]] const std::string& pem() const;  // SubjectPublicKeyInfo
  // Hex SHA-256 of pem(): how a sigstore bundle names a key.
  [[nodiscard]] const std::string& hint() const;
  [[nodiscard]] const char* kind() const;  // "P-256", "Ed25519"
  // Whether `signature` is one over `message` by this key.
  [[nodiscard]] bool verify(std::string_view message, std::string_view signature) const;
  bool operator==(const PublicKey& other) const { return pem() == other.pem(); }

 private:
  std::shared_ptr<const State> state_;
};

// Cheap to copy; never empty; the secret stays inside.
class PrivateKey {
 public:
  struct State;
  explicit PrivateKey(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  [[nodiscard]] const PublicKey& public_key() const;
  [[nodiscard]] Result<std::string> sign(std::string_view message) const;

 private:
  std::shared_ptr<const State> state_;
};

inline constexpr std::uint64_t key_limit = 64U << 10U;  // bytes of a key's file

// Error{credentials}: no such file, unreadable, encrypted and the passphrase missing or wrong. Error{usage}: no private
// key in PEM, or one of another kind.
[[nodiscard]] Result<PrivateKey> load_private_key(const std::filesystem::path& path, const std::string& passphrase);
// "" or what to say about a key's file that others than its owner may read.
[[nodiscard]] std::string key_file_warning(const std::filesystem::path& path);
// Error{usage}: no public key in PEM, or one of another kind.
[[nodiscard]] Result<PublicKey> parse_public_key(std::string_view pem);
// The same from the DER of a SubjectPublicKeyInfo.
[[nodiscard]] Result<PublicKey> parse_public_key_der(std::string_view der);

}  // namespace mlctl
