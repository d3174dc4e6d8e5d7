// What lies in a model's layout and nothing refers to: blobs of pushes that were never finished or refused, of versions
// that are gone from the index, and temporary files of dead writers. What the index names, and what those manifests
// name in turn, stays. Nothing goes while anybody is between storing a blob and publishing what refers to it: writers
// hold `.push` shared that long, and the collector holds it alone.
#pragma once
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "registry/store.h"

namespace mlctl::registry {

// The names (hex) of all blobs that these entries of an index lead to. Error{corrupt}, Error{not_found}: a manifest
// cannot be read, so what it refers to is not known.
[[nodiscard]] Result<std::set<Digest>> reachable(const std::vector<Descriptor>& entries,
                                                 const std::filesystem::path& blobs);
// The rest, smallest name first. Files that are neither blobs nor ours are left alone.
[[nodiscard]] Result<std::vector<GarbageItem>> unreachable(const std::filesystem::path& blobs,
                                                           const std::set<Digest>& kept);

}  // namespace mlctl::registry
