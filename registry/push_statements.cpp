#include "registry/push_statements.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/document.h"
#include "registry/evidence.h"

namespace mlctl::registry {
namespace {

// null: none.
Result<nlohmann::json> parsed(const std::string& text, const std::string& what) {
  if (text.empty()) return nlohmann::json();
  auto value = parse_json(text, what);
  if (!value) return Error{Error::Kind::usage, value.error().message, value.error().hint};
  return value;
}

}  // namespace

Result<PushStatements> statements_of(const PushMetadata& given) {
  PushStatements made;
  auto metadata = parsed(given.metadata, "metadata");
  if (!metadata) return metadata.error();
  auto metrics = parsed(given.metrics, "metrics");
  if (!metrics) return metrics.error();
  if (!metadata->is_null()) made.inputs.push_back({"metadata", "", digest_of(given.metadata)});
  if (!metrics->is_null()) made.inputs.push_back({"metrics", "", digest_of(given.metrics)});
  for (auto& base : base_models(*metadata)) made.inputs.push_back(std::move(base));
  if (!metadata->is_null()) made.metadata = given.metadata;
  if (!metrics->is_null()) made.metrics = given.metrics;
  return made;
}

Status attach_all(Store& store, const ModelName& model, const Version& version, const Digest& digest,
                  const PushStatements& statements, const PushMetadata& given, WallTime now) {
  const auto created = rfc3339(now);
  const Signer* signer = given.signer ? &*given.signer : nullptr;
  if (!given.commit.empty() || !given.builder.invocation.empty()) {
    const Provenance provenance{given.repository,
                                given.commit,
                                given.dirty,
                                to_string(version),
                                statements.inputs,
                                given.builder,
                                given.started.empty() ? created : given.started,
                                created};
    if (auto kept = attach_provenance(store, model, digest, provenance, signer, now); !kept) return kept.error();
  }
  if (!statements.metadata.empty() || !statements.metrics.empty()) {
    auto metadata = parsed(statements.metadata, "metadata");
    if (!metadata) return metadata.error();
    auto metrics = parsed(statements.metrics, "metrics");
    if (!metrics) return metrics.error();
    const auto said = make_statement(model, digest, model_metadata,
                                     {{"version", to_string(version)}, {"metadata", *metadata}, {"metrics", *metrics}});
    if (auto kept = attach(store, model, digest, EvidenceKind::metadata, said, created, signer); !kept)
      return kept.error();
  }
  if (signer == nullptr) return ok();
  auto sealed = sign_version(store, model, digest, *signer, created);
  return sealed ? ok() : Status(sealed.error());
}

}  // namespace mlctl::registry
