// What a push says about a version: provenance, and people's metadata and metrics; signed where there is a key.
// Internal to registry/.
#pragma once
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "registry/push.h"

namespace mlctl::registry {

// Checked before anything is written.
struct PushStatements {
  std::string metadata, metrics;  // JSON, whole; "": none
  std::vector<Resource> inputs;   // both by digest, and the models that the metadata names
};
// Error{usage}: metadata or metrics are no JSON.
[[nodiscard]] Result<PushStatements> statements_of(const PushMetadata& given);
// The same build again is stated once; so is the same metadata.
[[nodiscard]] Status attach_all(Store& store, const ModelName& model, const Version& version, const Digest& digest,
                                const PushStatements& statements, const PushMetadata& given, WallTime now);

}  // namespace mlctl::registry
