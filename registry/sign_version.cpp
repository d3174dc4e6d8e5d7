// Signatures of a version: written to and read from the registry.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/document.h"
#include "registry/oci.h"
#include "registry/oms.h"
#include "registry/pack.h"
#include "registry/sign.h"
#include "registry/sign_detail.h"
#include "registry/sigstore.h"

namespace mlctl::registry {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::string_view cosign_predicate = "https://sigstore.dev/cosign/sign/v1";
constexpr std::string_view bundle_family = "application/vnd.dev.sigstore.bundle";
constexpr const char* content_annotation = "dev.sigstore.bundle.content";
constexpr const char* predicate_annotation = "dev.sigstore.bundle.predicateType";
constexpr std::string_view empty_json = "{}";      // the OCI empty config
constexpr std::uint64_t stored_limit = 8U << 20U;  // bytes; twice the largest manifest, for base64
constexpr std::size_t signatures_limit = 500;

struct Statements {
  std::string oms, cosign;
};

// Only the layers of other tools, whose manifest does not list their files, are read for it.
Result<Statements> statements_for(Store& store, const ModelName& model, const Digest& digest,
                                  std::string_view manifest) {
  auto layers = read_layers(store, model, manifest);
  if (!layers) return layers.error();
  std::vector<PackedFile> files;
  for (auto& layer : *layers) std::ranges::move(layer.files, std::back_inserter(files));
  ordered_json cosign;
  cosign["_type"] = "https://in-toto.io/Statement/v1";
  cosign["subject"] = ordered_json::array({{{"digest", {{"sha256", digest.hex()}}}}});
  cosign["predicateType"] = cosign_predicate;
  cosign["predicate"] = ordered_json::object();
  return Statements{oms_statement(to_string(model), files), cosign.dump()};
}

std::string annotation(const Descriptor& entry, const char* key) {
  const auto found = entry.annotations.find(key);
  return found == entry.annotations.end() ? "" : found->second;
}

std::string kind_of(std::string_view predicate) {
  if (predicate == oms_predicate || predicate == oms_old_predicate) return "oms";
  return predicate == cosign_predicate ? "cosign" : "";
}

// Of the registry's own making, not of the bundle's: these stop everything.
bool is_of_the_store(const Error& error) {
  return error.kind != Error::Kind::corrupt && error.kind != Error::Kind::not_found && error.kind != Error::Kind::usage;
}

Error broken(const std::string& why) {
  return {Error::Kind::corrupt, why, ""};
}

Result<std::string> read_bundle(Store& store, const ModelName& model, const Digest& subject, const Digest& digest) {
  auto text = store.read_manifest(model, digest);
  if (!text) return text.error();
  auto manifest = parse_json(*text, "signature");
  if (!manifest) return broken(manifest.error().message);
  const auto* about = oci::member(*manifest, "subject");
  if (about == nullptr || oci::text(*about, "digest") != to_string(subject))
    return broken("it is about something else");
  const auto* layers = oci::member(*manifest, "layers");
  if (layers == nullptr || !layers->is_array() || layers->size() != 1) return broken("not one bundle");
  const auto layer = oci::descriptor_of((*layers)[0]);
  if (!layer) return broken("not one bundle");
  return store.read_blob(model, layer->digest, stored_limit);
}

struct StoredBundle {
  Descriptor entry;
  Result<std::string> text;
};

// Those that are, or say that they are, a signature of the version's.
Result<std::vector<StoredBundle>> stored_bundles(Store& store, const ModelName& model, const Digest& digest) {
  auto entries = store.referrers(model, digest);
  if (!entries) return entries.error();
  std::vector<StoredBundle> found;
  for (auto& entry : *entries) {
    const auto predicate = annotation(entry, predicate_annotation);
    if (entry.artifact_type.rfind(bundle_family, 0) != 0) continue;
    if (!predicate.empty() && kind_of(predicate).empty()) continue;
    if (found.size() == signatures_limit)
      return broken(to_string(model) + " " + to_string(digest) + ": more than 500 signatures");
    auto text = read_bundle(store, model, digest, entry.digest);
    if (!text && is_of_the_store(text.error())) return text.error();
    if (!text) text = broken(text.error().message);
    found.push_back({std::move(entry), std::move(text)});
  }
  return found;
}

Status attach_bundle(Store& store, const ModelName& model, const Descriptor& subject, const std::string& bundle,
                     std::string_view predicate, const std::string& created) {
  ordered_json manifest;
  manifest["schemaVersion"] = 2;
  manifest["mediaType"] = oci::manifest_type;
  manifest["artifactType"] = bundle_type;
  manifest["config"] = oci::to_json({oci::empty_type, digest_of(empty_json), empty_json.size(), "", {}});
  manifest["layers"] = ordered_json::array({oci::to_json({bundle_type, digest_of(bundle), bundle.size(), "", {}})});
  manifest["subject"] = oci::to_json(subject);
  manifest["annotations"] = {
      {oci::created, created}, {content_annotation, "dsse-envelope"}, {predicate_annotation, predicate}};
  const std::string text = manifest.dump();
  for (const auto bytes : {empty_json, std::string_view(bundle)})
    if (auto put = store.put_blob(model, bytes); !put) return put;
  Descriptor entry{oci::manifest_type, digest_of(text), text.size(), bundle_type, {}};
  entry.annotations = {
      {oci::created, created}, {content_annotation, "dsse-envelope"}, {predicate_annotation, std::string(predicate)}};
  return store.put_referrer(model, subject.digest, entry, text);
}

// "" when the statement is about the version, else what is wrong. `files` is what its OMS statement should be.
std::string about_problem(const std::string& kind, const std::string& statement, const Digest& digest,
                          const OmsStatement& files) {
  if (kind == "cosign") {
    auto value = parse_json(statement, "statement");
    const auto type = value ? oci::text(*value, "_type").value_or("") : "";
    if (type != "https://in-toto.io/Statement/v1" && type != "https://in-toto.io/Statement/v0.1")
      return "it is no in-toto statement";
    const auto* subjects = oci::member(*value, "subject");
    if (subjects != nullptr && subjects->is_array() && subjects->size() == 1)
      if (const auto* digests = oci::member((*subjects)[0], "digest");
          digests != nullptr && oci::text(*digests, "sha256") == digest.hex())
        return "";
    return "its statement is about something else";
  }
  auto parsed = parse_oms(statement);
  if (!parsed) return parsed.error().message;
  if (parsed->shard_size != 0) return "it signs parts of files, which only a folder can be compared with";
  const auto same = [](const OmsResource& a, const OmsResource& b) { return a.path == b.path && a.digest == b.digest; };
  const auto by_path = [](const OmsResource& a, const OmsResource& b) { return a.path < b.path; };
  auto wanted = files.resources;
  std::ranges::sort(wanted, by_path);
  std::ranges::sort(parsed->resources, by_path);
  return std::ranges::equal(wanted, parsed->resources, same) ? "" : "its files are not this version's";
}

// nullopt: a bundle about other things, which says so only inside.
std::optional<VersionSignature> judge(const StoredBundle& stored, const Digest& digest, const OmsStatement& files,
                                      const Result<OpenedBundle>& opened) {
  const auto said = kind_of(annotation(stored.entry, predicate_annotation));
  VersionSignature found{said, {Trusted::invalid, "", ""}, stored.entry.digest, annotation(stored.entry, oci::created)};
  if (!opened) {
    found.state.why = opened.error().message;
    if (found.kind.empty()) found.kind = "cosign";
    return found;
  }
  found.state = opened->state;
  auto value = parse_json(opened->statement, "statement");
  const auto predicate = value ? oci::text(*value, "predicateType").value_or("") : "";
  const auto kind = kind_of(predicate);
  if (kind.empty() && said.empty()) return std::nullopt;
  if (!said.empty() && kind != said) {
    found.state = {Trusted::invalid, found.state.by, "its statement is of another type"};
    return found;
  }
  found.kind = kind;
  if (auto wrong = about_problem(kind, opened->statement, digest, files); !wrong.empty())
    found.state = {Trusted::invalid, found.state.by, std::move(wrong)};
  return found;
}

}  // namespace

bool covers_version(const VersionSignature& signature) {
  return signature.state.trusted == Trusted::valid && signature.kind == "cosign";
}

Result<Signed> sign_version(Store& store, const ModelName& model, const Digest& digest, const Signer& signer,
                            const std::string& created) {
  auto manifest = store.read_manifest(model, digest);
  if (!manifest) return manifest.error();
  auto statements = statements_for(store, model, digest, *manifest);
  if (!statements) return statements.error();
  auto stored = stored_bundles(store, model, digest);
  if (!stored) return stored.error();
  const auto existing = [&](const std::string& statement, std::string_view predicate) -> const std::string* {
    for (const auto& one : *stored) {
      const auto said = annotation(one.entry, predicate_annotation);
      if ((said.empty() || said == predicate) && one.text && is_by(*one.text, signer, statement)) return &*one.text;
    }
    return nullptr;
  };
  const Descriptor subject{oci::manifest_type, digest, manifest->size(), "", {}};
  Signed result{"", true};
  if (const auto* there = existing(statements->oms, oms_predicate)) {
    result.oms = *there;
  } else {
    auto bundle = sign_as(signer, statements->oms, BundleForm::oms);
    if (!bundle) return bundle.error();
    if (auto added = attach_bundle(store, model, subject, *bundle, oms_predicate, created); !added)
      return added.error();
    result = {std::move(*bundle), false};
  }
  if (existing(statements->cosign, cosign_predicate) != nullptr) return result;
  auto bundle = sign_as(signer, statements->cosign, BundleForm::sigstore);
  if (!bundle) return bundle.error();
  if (auto added = attach_bundle(store, model, subject, *bundle, cosign_predicate, created); !added)
    return added.error();
  result.existed = false;
  return result;
}

Result<std::vector<VersionSignature>> signatures(Store& store, const ModelName& model, const Digest& digest,
                                                 const Trust& trust, WallTime now) {
  auto stored = stored_bundles(store, model, digest);
  if (!stored) return stored.error();
  std::vector<VersionSignature> found;
  if (stored->empty()) return found;
  auto manifest = store.read_manifest(model, digest);
  if (!manifest) return manifest.error();
  auto statements = statements_for(store, model, digest, *manifest);
  if (!statements) return statements.error();
  auto files = parse_oms(statements->oms);
  if (!files) return files.error();
  for (const auto& one : *stored) {
    auto opened = one.text ? open_bundle(*one.text, trust, now) : Result<OpenedBundle>(one.text.error());
    if (!opened && opened.error().kind == Error::Kind::usage) return opened.error();  // of the trust's making
    if (auto judged = judge(one, digest, *files, opened)) found.push_back(std::move(*judged));
  }
  return found;
}

}  // namespace mlctl::registry
