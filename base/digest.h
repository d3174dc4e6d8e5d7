// SHA-256 digests: the identity of everything. Written as in OCI: "sha256:" and 64 lower-case hex digits.
#pragma once
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mlctl {

struct Digest {
  std::array<std::uint8_t, 32> bytes{};

  auto operator<=>(const Digest&) const = default;
  [[nodiscard]] std::string hex() const;
  // The first twelve hex digits, for people.
  [[nodiscard]] std::string brief() const;
};

[[nodiscard]] std::string to_string(const Digest& digest);  // "sha256:…"
// Accepts exactly the OCI form; anything else is Error{usage}.
[[nodiscard]] Result<Digest> parse_digest(std::string_view text);
[[nodiscard]] Digest digest_of(std::string_view bytes);

// A running hash; feed it in pieces, finish once. (FIPS 180-4, through OpenSSL)
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void update(const void* data, std::size_t size);
  void update(std::string_view bytes) { update(bytes.data(), bytes.size()); }
  [[nodiscard]] Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mlctl
