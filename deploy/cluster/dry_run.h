// Server-side apply, removals, and asking the server what it would make of an object. Source: kubernetes.io,
// Server-Side Apply.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "deploy/changes.h"
#include "deploy/cluster/api.h"
#include "deploy/cluster/discovery.h"

namespace mlctl::deploy {

struct ApplyOptions {
  bool dry_run = false, force = false;
};
[[nodiscard]] ApiRequest apply_request(const Resource& resource, const nlohmann::ordered_json& object,
                                       const ApplyOptions& options);
// Of that very object, as it was read: refused (409) where somebody wrote to it since. What it owns goes later.
struct Read {
  std::string uid, resource_version;  // "": whatever it has become since
};
[[nodiscard]] ApiRequest removal_request(const Resource& resource, const ObjectKey& key, const Read& read);

// An object that may differ from the one that lives.
struct Doubt {
  Resource resource;
  const nlohmann::ordered_json* desired = nullptr;
  const nlohmann::ordered_json* live = nullptr;
};
struct DryRun {
  std::vector<FieldChange> fields;    // that would change; empty: none
  std::vector<FieldOwner> conflicts;  // then `fields` are those of a forced apply
};
// In the order of the doubts, all at once. Error: what the server refuses for another reason than owners.
[[nodiscard]] Result<std::vector<DryRun>> dry_run(Cluster& cluster, const std::vector<Doubt>& doubts, bool force);

}  // namespace mlctl::deploy
