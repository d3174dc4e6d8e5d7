// X.509 certificates for signing, judged offline: no network, none of the machine's own roots. In PEM from people, in
// DER inside. Source: RFC 5280.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/keys.h"
#include "base/result.h"

namespace mlctl {

inline constexpr std::size_t chain_limit = 10;                  // certificates in a chain
inline constexpr std::size_t roots_limit = 1000;                // certificates that somebody trusts
inline constexpr std::uint64_t certificates_limit = 4U << 20U;  // bytes of PEM

// Every certificate of a PEM text, as DER, in its order. Error{usage}: none, one that is broken, more than `limit`.
[[nodiscard]] Result<std::vector<std::string>> parse_certificates(std::string_view pem, std::size_t limit);
[[nodiscard]] std::string certificate_pem(std::string_view der);

struct CertificateFacts {
  PublicKey key;
  std::string identity;  // the first e-mail address or URI of its subjectAltName; without one, the common name
  WallTime from, until;
};
// Error{usage}: no certificate, or a key of another kind.
[[nodiscard]] Result<CertificateFacts> read_certificate(std::string_view der);

// Error{denied}: keyUsage or extendedKeyUsage (code signing) say that it is for something else.
[[nodiscard]] Status check_may_sign(std::string_view der);

// Whether its issuer is itself, as a root's is. False for what is no certificate.
[[nodiscard]] bool is_self_issued(std::string_view der);

// Whether `chain` (DER, leaf first) leads to one of `roots` (DER), is valid at `now` and may sign: keyUsage and
// extendedKeyUsage (code signing), where the leaf says any. Error{denied} says what is wrong.
[[nodiscard]] Status verify_chain(const std::vector<std::string>& chain, const std::vector<std::string>& roots,
                                  WallTime now);

}  // namespace mlctl
