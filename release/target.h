// Which version a release is about: MODEL@V, else --tag, else the tag of the CI event; --pending finds all that wait.
#pragma once
#include <string>
#include <vector>

#include "base/result.h"
#include "registry/git.h"
#include "registry/name.h"
#include "registry/store.h"
#include "registry/tags.h"
#include "release/project.h"

namespace mlctl::release {

struct Target {
  registry::ModelName model;
  registry::VersionTag tag;
};

// What people and CI said; the first that is not empty counts.
struct TargetRequest {
  std::string reference;  // "credit-risk@v1.2.3", from the command line
  std::string tag;        // --tag
  std::string event_ref;  // GITHUB_REF: "refs/tags/…"; anything else is ignored
};

// Error{usage}: nothing said (lists what could be meant), a tag that names no version of a model here, a lightweight
// tag, two versions on one commit; Error{not_found}: no such tag.
[[nodiscard]] Result<Target> find_target(const Project& project, const std::vector<registry::GitTag>& tags,
                                         const TargetRequest& request);

// Every version registered after the newest assignment of the model's last environment, oldest first. Error{usage}: two
// of them on one commit.
[[nodiscard]] Result<std::vector<Target>> pending(const Project& project, const std::vector<registry::GitTag>& tags,
                                                  const std::vector<registry::ModelName>& models);

// Without those for which a gate or validation with the verdict `fail` is recorded in the registry.
[[nodiscard]] Result<std::vector<Target>> without_failed(registry::Store& store, std::vector<Target> targets);

}  // namespace mlctl::release
