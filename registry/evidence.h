// Statements about a digest, attached to it as referrers: in-toto Statement v1 in a manifest whose `subject` is the
// model's; with a key inside a sigstore bundle, as cosign 3 attaches attestations. One that is not signed is as
// trustworthy as whoever can write to the registry. Sources: in-toto attestation v1, in-toto test-result v0.1,
// sigstore bundle v0.3, cosign's bundle specification.
#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "base/result.h"
#include "registry/name.h"
#include "registry/provenance.h"
#include "registry/sign.h"
#include "registry/store.h"

namespace mlctl::registry {

enum class EvidenceKind { provenance, metadata, validation, gate, gpu, other /* another tool's */ };
[[nodiscard]] const char* to_string(EvidenceKind kind);

struct Evidence {
  EvidenceKind kind = EvidenceKind::provenance;
  std::string predicate_type;
  std::string statement;     // JSON text, its subject checked; may be anything where the signature is invalid
  Digest digest;             // of its manifest
  std::string created;       // RFC 3339; "" when its maker did not say
  SignatureState signature;  // for the trust that was asked with
};

inline constexpr std::string_view test_result = "https://in-toto.io/attestation/test-result/v0.1";
inline constexpr std::string_view model_metadata = "https://mlctl.dev/metadata/v1";

// A Statement v1 about `subject`, named as the model.
[[nodiscard]] nlohmann::ordered_json make_statement(const ModelName& model, const Digest& subject,
                                                    std::string_view predicate_type,
                                                    const nlohmann::ordered_json& predicate);

struct TestResult {
  std::string result;  // PASSED, WARNED or FAILED
  std::vector<std::string> passed, warned, failed;
  std::vector<std::pair<std::string, std::optional<Digest>>> configuration;  // name of what was used, its digest
  std::string url;
};
[[nodiscard]] nlohmann::ordered_json test_result_predicate(const TestResult& result);

// Attaches a statement (a whole one: make_statement) and returns its manifest's digest. The same statement again is a
// no-op: unsigned, or signed by the same key. Error{not_found}: no such subject; Error{usage}: the statement is about
// something else. `signer` may be null; `created` is RFC 3339.
[[nodiscard]] Result<Digest> attach(Store& store, const ModelName& model, const Digest& subject, EvidenceKind kind,
                                    const nlohmann::ordered_json& statement, const std::string& created,
                                    const Signer* signer = nullptr);
// Unless the same build is stated already (same_build), by the same key where there is one.
[[nodiscard]] Status attach_provenance(Store& store, const ModelName& model, const Digest& subject,
                                       const Provenance& provenance, const Signer* signer, WallTime now);
// Everything attached, oldest first, but for signatures of the version itself (registry/sign.h). A bundle that is
// broken or about something else counts as invalid: anybody may attach one. Error{corrupt} when an unsigned statement
// is not what its digest says or not about `subject`; Error{unavailable}: more than evidence_limit bytes of it.
[[nodiscard]] Result<std::vector<Evidence>> evidence(Store& store, const ModelName& model, const Digest& subject,
                                                     const Trust& trust = {}, WallTime now = {});
inline constexpr std::uint64_t evidence_limit = 256U << 20U;

// The trust that takes this signer's statements and nobody else's.
[[nodiscard]] Trust own_trust(const Signer& signer);

}  // namespace mlctl::registry
