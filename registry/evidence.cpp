#include "registry/evidence.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/document.h"
#include "registry/oci.h"

namespace mlctl::registry {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr const char* statement_v1 = "https://in-toto.io/Statement/v1";
constexpr std::string_view empty_json = "{}";  // the OCI empty config

// Is this a statement about that digest, and what does it claim?
std::optional<std::string> predicate_about(const json& statement, const Digest& subject) {
  if (oci::text(statement, "_type") != statement_v1) return std::nullopt;
  const auto* subjects = oci::member(statement, "subject");
  if (subjects == nullptr || !subjects->is_array()) return std::nullopt;
  for (const auto& one : *subjects)
    if (const auto* digest = oci::member(one, "digest");
        digest != nullptr && oci::text(*digest, "sha256") == subject.hex())
      return oci::text(statement, "predicateType");
  return std::nullopt;
}

std::optional<EvidenceKind> kind_named(const std::string& name) {
  for (const auto kind : {EvidenceKind::provenance, EvidenceKind::metadata, EvidenceKind::validation,
                          EvidenceKind::gate, EvidenceKind::gpu})
    if (name == to_string(kind)) return kind;
  return std::nullopt;
}

Error broken(const ModelName& model, const Descriptor& entry, const std::string& why) {
  return {Error::Kind::corrupt, to_string(model) + ": evidence " + to_string(entry.digest) + ": " + why, ""};
}

// A remote's URL, a branch, a path: git keeps bytes, JSON only UTF-8. What is none becomes U+FFFD.
std::string json_text(const ordered_json& value) {
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string annotation(const Descriptor& entry, const char* key) {
  const auto found = entry.annotations.find(key);
  return found == entry.annotations.end() ? "" : found->second;
}

// nullopt: a referrer that is not evidence of ours.
Result<std::optional<Evidence>> read_evidence(Store& store, const ModelName& model, const Digest& subject,
                                              const Descriptor& entry) {
  const auto kind = kind_named(annotation(entry, oci::evidence_annotation));
  if (entry.artifact_type != oci::statement_type || !kind) return std::optional<Evidence>();
  auto text = store.read_manifest(model, entry.digest);
  if (!text) return text.error();
  auto manifest = parse_json(*text, "evidence");
  if (!manifest) return broken(model, entry, manifest.error().message);
  const auto* about = oci::member(*manifest, "subject");
  if (about == nullptr || oci::text(*about, "digest") != to_string(subject))
    return broken(model, entry, "it is about something else");
  const auto* layers = oci::member(*manifest, "layers");
  if (layers == nullptr || !layers->is_array() || layers->size() != 1) return broken(model, entry, "not one statement");
  const auto layer = oci::descriptor_of((*layers)[0]);
  if (!layer) return broken(model, entry, "not one statement");
  auto statement = store.read_blob(model, layer->digest, manifest_limit);
  if (!statement) return statement.error();
  auto value = parse_json(*statement, "statement");
  if (!value) return broken(model, entry, value.error().message);
  const auto predicate = predicate_about(*value, subject);
  if (!predicate) return broken(model, entry, "its statement is about something else");
  return std::optional(
      Evidence{*kind, *predicate, std::move(*statement), entry.digest, annotation(entry, oci::created)});
}

}  // namespace

const char* to_string(EvidenceKind kind) {
  switch (kind) {
    case EvidenceKind::provenance:
      return "provenance";
    case EvidenceKind::metadata:
      return "metadata";
    case EvidenceKind::validation:
      return "validation";
    case EvidenceKind::gate:
      return "gate";
    case EvidenceKind::gpu:
      return "gpu";
  }
  return "provenance";
}

ordered_json make_statement(const ModelName& model, const Digest& subject, std::string_view predicate_type,
                            const ordered_json& predicate) {
  ordered_json statement;
  statement["_type"] = statement_v1;
  statement["subject"] = ordered_json::array({{{"name", to_string(model)}, {"digest", {{"sha256", subject.hex()}}}}});
  statement["predicateType"] = predicate_type;
  statement["predicate"] = predicate;
  return statement;
}

ordered_json test_result_predicate(const TestResult& result) {
  ordered_json configuration = ordered_json::array();
  for (const auto& [name, digest] : result.configuration) {
    ordered_json resource{{"name", name}};
    if (digest) resource["digest"] = {{"sha256", digest->hex()}};
    configuration.push_back(std::move(resource));
  }
  ordered_json predicate;
  predicate["result"] = result.result;
  predicate["configuration"] = std::move(configuration);
  if (!result.url.empty()) predicate["url"] = result.url;
  predicate["passedTests"] = result.passed;
  predicate["warnedTests"] = result.warned;
  predicate["failedTests"] = result.failed;
  return predicate;
}

ordered_json provenance_predicate(const Provenance& provenance) {
  ordered_json dependencies = ordered_json::array();
  if (!provenance.commit.empty()) {
    ordered_json source;
    if (!provenance.repository.empty()) source["uri"] = provenance.repository;
    source["digest"] = {{"gitCommit", provenance.commit}};
    dependencies.push_back(std::move(source));
  }
  ordered_json definition;
  definition["buildType"] = "https://mlctl.dev/push/v1";
  definition["externalParameters"] = {{"version", provenance.version}};
  definition["internalParameters"] = ordered_json::object();
  definition["resolvedDependencies"] = std::move(dependencies);
  ordered_json details;
  details["builder"] = {{"id", "https://mlctl.dev/mlctl"}, {"version", {{"mlctl", MLCTL_VERSION}}}};
  if (!provenance.run.empty()) details["metadata"] = {{"invocationId", provenance.run}};
  return {{"buildDefinition", std::move(definition)}, {"runDetails", std::move(details)}};
}

Result<Digest> attach(Store& store, const ModelName& model, const Digest& subject, EvidenceKind kind,
                      const ordered_json& statement, const std::string& created) {
  const auto predicate = predicate_about(json(statement), subject);
  if (!predicate)
    return Error{Error::Kind::usage, "not a statement about " + to_string(subject), "make it with make_statement"};
  auto about = store.read_manifest(model, subject);
  if (!about) return about.error();
  const std::string text = json_text(statement);
  if (text.size() > manifest_limit) return Error{Error::Kind::usage, "a statement of more than 4 MiB", ""};
  ordered_json manifest;
  manifest["schemaVersion"] = 2;
  manifest["mediaType"] = oci::manifest_type;
  manifest["artifactType"] = oci::statement_type;
  manifest["config"] = oci::to_json({oci::empty_type, digest_of(empty_json), empty_json.size(), "", {}});
  manifest["layers"] = ordered_json::array({oci::to_json({oci::statement_type, digest_of(text), text.size(), "", {}})});
  manifest["subject"] = oci::to_json({oci::manifest_type, subject, about->size(), "", {}});
  manifest["annotations"] = {{oci::evidence_annotation, to_string(kind)}, {oci::predicate_annotation, *predicate}};
  const std::string manifest_text = json_text(manifest);
  for (const auto bytes : {empty_json, std::string_view(text)})
    if (auto put = store.put_blob(model, bytes); !put) return put.error();
  Descriptor entry{oci::manifest_type, digest_of(manifest_text), manifest_text.size(), oci::statement_type, {}};
  entry.annotations = {
      {oci::evidence_annotation, to_string(kind)}, {oci::predicate_annotation, *predicate}, {oci::created, created}};
  if (auto added = store.put_referrer(model, subject, entry, manifest_text); !added) return added.error();
  return entry.digest;
}

Result<std::vector<Evidence>> evidence(Store& store, const ModelName& model, const Digest& subject) {
  auto entries = store.referrers(model, subject);
  if (!entries) return entries.error();
  std::vector<Evidence> found;
  for (const auto& entry : *entries) {
    auto one = read_evidence(store, model, subject, entry);
    if (!one) return one.error();
    if (*one) found.push_back(std::move(**one));
  }
  return found;
}

}  // namespace mlctl::registry
