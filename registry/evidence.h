// Statements about a digest, attached to it as referrers: in-toto Statement v1 in a manifest whose `subject` is the
// model's. Not signed: a statement is as trustworthy as whoever can write to the registry.
// Sources: in-toto attestation v1, SLSA provenance v1, in-toto test-result v0.1.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/result.h"
#include "registry/name.h"
#include "registry/store.h"

namespace mlctl::registry {

enum class EvidenceKind { provenance, metadata, validation, gate, gpu };
[[nodiscard]] const char* to_string(EvidenceKind kind);

struct Evidence {
  EvidenceKind kind = EvidenceKind::provenance;
  std::string predicate_type;
  std::string statement;  // JSON text, its subject checked
  Digest digest;          // of its manifest
  std::string created;    // RFC 3339
};

inline constexpr std::string_view slsa_provenance = "https://slsa.dev/provenance/v1";
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

struct Provenance {
  std::string repository, commit, run;
  std::string version;  // of the model
};
[[nodiscard]] nlohmann::ordered_json provenance_predicate(const Provenance& provenance);

// Attaches a statement (a whole one: make_statement) and returns its manifest's digest. The same statement again is a
// no-op. Error{not_found}: no such subject; Error{usage}: the statement is about something else.
[[nodiscard]] Result<Digest> attach(Store& store, const ModelName& model, const Digest& subject, EvidenceKind kind,
                                    const nlohmann::ordered_json& statement, const std::string& created);
// Everything attached, oldest first; Error{corrupt} when a statement is not what its digest says or not about
// `subject`.
[[nodiscard]] Result<std::vector<Evidence>> evidence(Store& store, const ModelName& model, const Digest& subject);

}  // namespace mlctl::registry
