// Questions to a registry: what is there, what is in it, is it still what it was.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/result.h"
#include "registry/files.h"
#include "registry/name.h"
#include "registry/pack.h"
#include "registry/store.h"

namespace mlctl::registry {

struct VersionInfo {
  Version version;
  Digest digest;
  Digest image;             // all zeros: it has none, and cannot be mounted
  std::uint64_t bytes = 0;  // of the files
  std::uint64_t files = 0;
  std::string created;  // RFC 3339
};

[[nodiscard]] Result<std::vector<ModelName>> list_models(Store& store);  // sorted
// In the order of versions; empty when there is no such model.
[[nodiscard]] Result<std::vector<VersionInfo>> list_versions(Store& store, const ModelName& model);
[[nodiscard]] Result<std::optional<VersionInfo>> find_version(Store& store, const ModelName& model,
                                                              const Version& version);
// The versions of a digest, in order (one content may have several).
[[nodiscard]] Result<std::vector<VersionInfo>> find_digest(Store& store, const ModelName& model, const Digest& digest);

struct ModelDescription {
  Digest digest;
  Digest image;                   // all zeros: it has none
  std::vector<Version> versions;  // that lead here
  std::vector<PackedLayer> layers;
  std::vector<PackedFile> files;  // of all layers, sorted by path
  std::uint64_t bytes = 0;        // of the files
};
// Error{not_found} when the digest is not there.
[[nodiscard]] Result<ModelDescription> describe(Store& store, const ModelName& model, const Digest& digest);

struct VerifyReport {
  std::uint64_t layers = 0;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;            // read
  std::vector<std::string> problems;  // one line each; empty: everything is as its digest says
};
// Reads every byte: both manifests, both configurations, the link between them, layers, files, evidence.
// Error only for what could not be asked.
[[nodiscard]] Result<VerifyReport> verify(Store& store, const ModelName& model, const Digest& digest);

}  // namespace mlctl::registry
