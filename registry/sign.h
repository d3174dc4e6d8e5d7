// Signatures: statements in sigstore bundles, made with a key that the caller has, and what is attached to a version.
// Two are: an OMS bundle over its files, which other tools check on a folder, and one over its manifest's digest in the
// shape that cosign 3 writes. Nothing is asked of a network but the store; there is no transparency log.
// Sources: DSSE v1, sigstore bundle v0.3, OpenSSF Model Signing v1.0, cosign's bundle specification.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/keys.h"
#include "base/result.h"
#include "registry/name.h"
#include "registry/store.h"

namespace mlctl::registry {

struct Signer {
  PrivateKey key;
  std::vector<std::string> chain_pem;  // certificates, the key's own first; empty: the key alone
};
// nullopt: no key named. Error{usage}: the chain's first certificate is not the key's, or nobody would take a signature
// with it: out of its time, or not for signing.
[[nodiscard]] Result<std::optional<Signer>> signer_from(const std::string& key_path, const std::string& chain_path,
                                                        const std::string& passphrase, WallTime now);

// An in-toto statement (JSON) in a DSSE envelope in a bundle v0.3 (JSON).
[[nodiscard]] Result<std::string> sign_statement(const Signer& signer, std::string_view statement);

// Whose signatures count.
struct Trust {
  std::vector<PublicKey> keys;
  std::string roots_pem;                // certificates that others are measured by
  std::vector<std::string> identities;  // of certificates that the roots vouch for; empty: every one
  [[nodiscard]] bool empty() const { return keys.empty() && roots_pem.empty(); }
};
enum class Trusted {
  unsigned_,
  valid,
  untrusted,  // by nobody that the trust names, or by a certificate out of its time; whole as far as can be told
  invalid,    // the signature is not one over what it stands beside
};
[[nodiscard]] const char* to_string(Trusted trusted);  // "unsigned", "valid", "untrusted", "invalid"
struct SignatureState {
  Trusted trusted = Trusted::unsigned_;
  std::string by;   // the identity of a certificate, or `key` and the beginning of its hint; may be ""
  std::string why;  // for all but valid
};
struct OpenedBundle {
  std::string statement;  // JSON text; as trustworthy as the state says
  SignatureState state;
};
// Error{corrupt}: not a bundle of one signed in-toto statement. Error{usage}: the trust's roots are no certificates.
[[nodiscard]] Result<OpenedBundle> open_bundle(std::string_view bundle, const Trust& trust, WallTime now);

struct Signed {
  std::string oms;       // the bundle over the files
  bool existed = false;  // both were there, valid, by this signer: nothing was written
};
// Attaches both bundles to a version; no file is read again. `created` is RFC 3339.
[[nodiscard]] Result<Signed> sign_version(Store& store, const ModelName& model, const Digest& digest,
                                          const Signer& signer, const std::string& created);

struct VersionSignature {
  std::string kind;  // "oms" | "cosign"
  SignatureState state;
  Digest digest;  // of its manifest
  std::string created;
};
// Valid, and over the manifest. One over the files alone may stand beside any manifest with these files.
[[nodiscard]] bool covers_version(const VersionSignature& signature);
// Both kinds, by whomever, oldest first. What cannot be read as a signature counts as invalid; only the store's own
// failures are errors.
[[nodiscard]] Result<std::vector<VersionSignature>> signatures(Store& store, const ModelName& model,
                                                               const Digest& digest, const Trust& trust, WallTime now);

}  // namespace mlctl::registry
