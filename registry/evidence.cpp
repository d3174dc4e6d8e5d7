#include "registry/evidence.h"

#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/document.h"
#include "base/terminal.h"
#include "registry/oci.h"
#include "registry/sigstore.h"

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

// Signatures of a version are no statements about it: registry/sign.h lists them.
bool is_version_signature(std::string_view predicate) {
  return predicate == "https://sigstore.dev/cosign/sign/v1" || predicate.starts_with("https://model_signing/");
}

// A remote's URL, a branch, a path: git keeps bytes, JSON only UTF-8. What is none becomes U+FFFD.
std::string json_text(const ordered_json& value) {
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

// An annotation is not signed: a statement counts as a kind only with that kind's predicate.
EvidenceKind kind_of(EvidenceKind annotated, std::string_view predicate) {
  if (predicate == slsa_provenance) return EvidenceKind::provenance;
  if (annotated == EvidenceKind::metadata && predicate == model_metadata) return annotated;
  const bool result =
      annotated == EvidenceKind::validation || annotated == EvidenceKind::gate || annotated == EvidenceKind::gpu;
  return result && predicate == test_result ? annotated : EvidenceKind::other;
}

// What was wrong with one referrer, or what the store could not do at all.
bool is_its_own_fault(const Error& error) {
  return error.kind == Error::Kind::corrupt || error.kind == Error::Kind::not_found || error.kind == Error::Kind::usage;
}

class Reader {
 public:
  Reader(Store& store, const ModelName& model, const Digest& subject, const Trust& trust, WallTime now)
      : store_(store), model_(model), subject_(subject), trust_(trust), now_(now) {}

  Result<std::vector<Evidence>> run() {
    auto entries = store_.referrers(model_, subject_);
    if (!entries) return entries.error();
    std::vector<Evidence> found;
    for (const auto& entry : *entries) {
      const bool bundle = entry.artifact_type == bundle_type;
      if (!bundle && entry.artifact_type != oci::statement_type) continue;
      if (bundle && is_version_signature(annotation(entry, oci::bundle_predicate))) continue;
      auto one = bundle ? read_bundle(entry) : read_plain(entry);
      if (!one) return one.error();
      if (is_version_signature(one->predicate_type)) continue;
      if (read_ > evidence_limit)
        return Error{Error::Kind::unavailable,
                     to_string(model_) + ": more evidence is attached to " + to_string(subject_) + " than " +
                         human_bytes(evidence_limit),
                     ""};
      found.push_back(std::move(*one));
    }
    return found;
  }

 private:
  struct Opened {
    std::map<std::string, std::string> annotations;
    std::string layer;
  };

  static std::string annotation(const Descriptor& entry, const char* key) {
    const auto found = entry.annotations.find(key);
    return found == entry.annotations.end() ? "" : found->second;
  }

  Error broken(const Descriptor& entry, const std::string& why) const {
    return {Error::Kind::corrupt, to_string(model_) + ": evidence " + to_string(entry.digest) + ": " + why, ""};
  }

  // The manifest's own annotations go before the list's: some registries list none.
  static Evidence described(const Descriptor& entry, const std::map<std::string, std::string>& own) {
    const auto said = [&](const char* key) {
      const auto found = own.find(key);
      return found != own.end() ? found->second : annotation(entry, key);
    };
    Evidence one;
    one.kind = kind_named(said(oci::evidence_annotation)).value_or(EvidenceKind::other);
    one.predicate_type = said(entry.artifact_type == bundle_type ? oci::bundle_predicate : oci::predicate_annotation);
    one.digest = entry.digest;
    one.created = said(oci::created);
    return one;
  }

  Result<Opened> open(const Descriptor& entry) {
    auto text = store_.read_manifest(model_, entry.digest);
    if (!text) return text.error();
    auto manifest = parse_json(*text, "evidence");
    if (!manifest) return broken(entry, manifest.error().message);
    const auto* about = oci::member(*manifest, "subject");
    if (about == nullptr || oci::text(*about, "digest") != to_string(subject_))
      return broken(entry, "it is about something else");
    const auto* layers = oci::member(*manifest, "layers");
    if (layers == nullptr || !layers->is_array() || layers->size() != 1) return broken(entry, "not one statement");
    const auto layer = oci::descriptor_of((*layers)[0]);
    if (!layer) return broken(entry, "not one statement");
    auto bytes = store_.read_blob(model_, layer->digest, manifest_limit);
    if (!bytes) return bytes.error();
    read_ += text->size() + bytes->size();
    Opened opened{{}, std::move(*bytes)};
    if (const auto* notes = oci::member(*manifest, "annotations"); notes != nullptr && notes->is_object())
      for (const auto& [key, value] : notes->items())
        if (value.is_string()) opened.annotations[key] = value.get<std::string>();
    return opened;
  }

  // "" or what is wrong with the statement; its predicate type goes into `one`.
  std::string check_statement(Evidence& one) const {
    const auto value = parse_json(one.statement, "statement");
    if (!value) return value.error().message;
    const auto predicate = predicate_about(*value, subject_);
    if (!predicate) {
      one.predicate_type = oci::text(*value, "predicateType").value_or("");
      return "its statement is about something else";
    }
    one.predicate_type = *predicate;
    one.kind = kind_of(one.kind, *predicate);
    return "";
  }

  Result<Evidence> read_plain(const Descriptor& entry) {
    auto opened = open(entry);
    if (!opened) return opened.error();
    Evidence one = described(entry, opened->annotations);
    one.statement = std::move(opened->layer);
    if (const auto wrong = check_statement(one); !wrong.empty()) return broken(entry, wrong);
    one.signature = {Trusted::unsigned_, "", "it is not signed"};
    return one;
  }

  Result<Evidence> read_bundle(const Descriptor& entry) {
    const auto invalid = [](Evidence one, const std::string& why) {
      one.signature = {Trusted::invalid, one.signature.by, why};
      return one;
    };
    auto opened = open(entry);
    if (!opened && !is_its_own_fault(opened.error())) return opened.error();
    if (!opened) return invalid(described(entry, {}), opened.error().message);
    Evidence one = described(entry, opened->annotations);
    auto bundle = open_bundle(opened->layer, trust_, now_);
    if (!bundle && bundle.error().kind != Error::Kind::corrupt) return bundle.error();
    if (!bundle) return invalid(std::move(one), bundle.error().message);
    one.statement = std::move(bundle->statement);
    one.signature = std::move(bundle->state);
    if (const auto wrong = check_statement(one); !wrong.empty()) return invalid(std::move(one), wrong);
    return one;
  }

  Store& store_;
  const ModelName& model_;
  const Digest& subject_;
  const Trust& trust_;
  WallTime now_;
  std::uint64_t read_ = 0;
};

// The manifest of a statement; `layer` is the statement or the bundle around it.
ordered_json manifest_of(const Digest& subject, std::uint64_t subject_size, EvidenceKind kind,
                         const std::string& predicate, const std::string& layer, bool bundle,
                         const std::string& created) {
  const char* type = bundle ? bundle_type : oci::statement_type;
  ordered_json manifest;
  manifest["schemaVersion"] = 2;
  manifest["mediaType"] = oci::manifest_type;
  manifest["artifactType"] = type;
  manifest["config"] = oci::to_json({oci::empty_type, digest_of(empty_json), empty_json.size(), "", {}});
  manifest["layers"] = ordered_json::array({oci::to_json({type, digest_of(layer), layer.size(), "", {}})});
  manifest["subject"] = oci::to_json({oci::manifest_type, subject, subject_size, "", {}});
  manifest["annotations"] = ordered_json::object();
  if (!created.empty()) manifest["annotations"][oci::created] = created;
  manifest["annotations"][oci::evidence_annotation] = to_string(kind);
  if (bundle) {
    manifest["annotations"][oci::bundle_content] = "dsse-envelope";
    manifest["annotations"][oci::bundle_predicate] = predicate;
  } else {
    manifest["annotations"][oci::predicate_annotation] = predicate;
  }
  return manifest;
}

// What is attached already, by this signer or, without one, unsigned. What cannot be read is attached anew.
std::vector<Evidence> own_evidence(Store& store, const ModelName& model, const Digest& subject, const Signer* signer,
                                   WallTime now) {
  auto there = evidence(store, model, subject, signer != nullptr ? own_trust(*signer) : Trust{}, now);
  if (!there) return {};
  const auto wanted = signer != nullptr ? Trusted::valid : Trusted::unsigned_;
  std::vector<Evidence> own;
  for (auto& one : *there)
    if (one.signature.trusted == wanted) own.push_back(std::move(one));
  return own;
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
    case EvidenceKind::other:
      return "attestation";
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

Result<Digest> attach(Store& store, const ModelName& model, const Digest& subject, EvidenceKind kind,
                      const ordered_json& statement, const std::string& created, const Signer* signer) {
  const auto predicate = predicate_about(json(statement), subject);
  if (!predicate)
    return Error{Error::Kind::usage, "not a statement about " + to_string(subject), "make it with make_statement"};
  auto about = store.read_manifest(model, subject);
  if (!about) return about.error();
  const std::string text = json_text(statement);
  if (text.size() > manifest_limit / 2) return Error{Error::Kind::usage, "a statement of more than 2 MiB", ""};
  const auto now = parse_rfc3339(created);
  for (const auto& one : own_evidence(store, model, subject, signer, now ? *now : WallTime{}))
    if (one.kind == kind && one.statement == text) return one.digest;
  std::string layer = text;
  if (signer != nullptr) {
    auto bundle = sign_statement(*signer, text);
    if (!bundle) return bundle.error();
    layer = std::move(*bundle);
  }
  const auto manifest = manifest_of(subject, about->size(), kind, *predicate, layer, signer != nullptr, created);
  const std::string manifest_text = json_text(manifest);
  for (const auto bytes : {empty_json, std::string_view(layer)})
    if (auto put = store.put_blob(model, bytes); !put) return put.error();
  Descriptor entry{oci::manifest_type, digest_of(manifest_text), manifest_text.size(),
                   signer != nullptr ? bundle_type : oci::statement_type,
                   manifest["annotations"].get<std::map<std::string, std::string>>()};
  if (auto added = store.put_referrer(model, subject, entry, manifest_text); !added) return added.error();
  return entry.digest;
}

Status attach_provenance(Store& store, const ModelName& model, const Digest& subject, const Provenance& provenance,
                         const Signer* signer, WallTime now) {
  const auto predicate = provenance_predicate(provenance);
  for (const auto& one : own_evidence(store, model, subject, signer, now)) {
    if (one.kind != EvidenceKind::provenance) continue;
    const auto said = parse_json(one.statement, "statement");
    const auto* there = said ? oci::member(*said, "predicate") : nullptr;
    if (there != nullptr && same_build(*there, json(predicate))) return ok();
  }
  auto kept = attach(store, model, subject, EvidenceKind::provenance,
                     make_statement(model, subject, slsa_provenance, predicate), rfc3339(now), signer);
  return kept ? ok() : Status(kept.error());
}

Result<std::vector<Evidence>> evidence(Store& store, const ModelName& model, const Digest& subject, const Trust& trust,
                                       WallTime now) {
  return Reader(store, model, subject, trust, now).run();
}

Trust own_trust(const Signer& signer) {
  return {{signer.key.public_key()}, "", {}};
}

}  // namespace mlctl::registry
