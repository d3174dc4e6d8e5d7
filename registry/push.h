// Pushing a model version: its files become layers and two manifests in the store, then the version becomes visible.
// A version that exists is never overwritten: the same content is a no-op, other content an Error{conflict} that names
// both digests. Safe to repeat after any interruption; safe beside other pushes.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "base/result.h"
#include "base/terminal.h"
#include "registry/files.h"
#include "registry/name.h"
#include "registry/pack.h"
#include "registry/provenance.h"
#include "registry/sign.h"
#include "registry/store.h"

namespace mlctl::registry {

// What stands beside a version, not in its digest. All may be empty.
struct PushMetadata {
  std::string metadata;    // JSON: whatever people say about it
  std::string metrics;     // JSON: numbers from training
  std::string commit;      // of the source
  bool dirty = false;      // the files differed from that commit
  std::string repository;  // its URL
  Builder builder{std::string(local_builder), ""};
  std::string started;                // RFC 3339
  std::optional<Signer> signer = {};  // signs the version and what is said about it
};

struct PushReport {
  Digest manifest;
  Digest image;          // all zeros: layers that cannot be mounted have none
  bool existed = false;  // same version, same content: nothing was published
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;          // of the files
  std::uint64_t bytes_written = 0;  // of layers that were not in the store
};

// The first half: every blob is in the store, nothing is visible yet. What the store has is neither read nor written
// when the files' digests are known from an earlier push.
struct StoredFiles {
  PackedModel packed;
  std::uint64_t files = 0, bytes = 0, bytes_written = 0;  // as in PushReport
};
[[nodiscard]] Result<StoredFiles> store_files(Store& store, const ModelName& model, const std::vector<ModelFile>& files,
                                              Progress& progress, LayerKind kind = LayerKind::tar);
// The second: they become a version.
[[nodiscard]] Result<PushReport> publish_files(Store& store, const ModelName& model, const StoredFiles& stored,
                                               const Version& version, const PushMetadata& metadata,
                                               Clock& clock = system_clock());
// Both.
[[nodiscard]] Result<PushReport> push(Store& store, const ModelName& model, const std::vector<ModelFile>& files,
                                      const Version& version, const PushMetadata& metadata, Progress& progress,
                                      Clock& clock = system_clock());

}  // namespace mlctl::registry
