// Sigstore bundles: one signed statement with what it takes to check it, in JSON. Written as v0.3; v0.1 to v0.3 are
// read, with the shapes that older signers wrote. Nothing here judges whose signature it is. Pure.
// Source: sigstore's protobuf-specs (sigstore_bundle.proto), OpenSSF Model Signing v1.0.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mlctl::registry {

inline constexpr const char* bundle_type = "application/vnd.dev.sigstore.bundle.v0.3+json";
inline constexpr const char* in_toto_type = "application/vnd.in-toto+json";
inline constexpr std::uint64_t bundle_limit = 32U << 20U;  // bytes

struct SigstoreBundle {
  std::string payload;    // an in-toto statement
  std::string signature;  // over its PAE
  // Who signed: a hint at a key, or (old) the key itself as PEM or DER, or certificates as DER, the signer's first.
  std::string hint, raw_key;
  std::vector<std::string> certificates;
};

// Error{corrupt}: no such bundle, or not of exactly one signature over one in-toto statement.
[[nodiscard]] Result<SigstoreBundle> parse_sigstore(std::string_view json);
// A single certificate is written as `certificate` where `as_chain` is false, as v0.3 has it; OMS wants a chain of one.
[[nodiscard]] std::string to_json(const SigstoreBundle& bundle, bool as_chain);

}  // namespace mlctl::registry
