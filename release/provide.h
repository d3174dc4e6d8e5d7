// Before pods refer to an image it is in the registry that their nodes pull from: `pull:` of the environment.
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/terminal.h"
#include "deploy/cluster/plan.h"
#include "deploy/gitops.h"
#include "registry/git.h"
#include "registry/store.h"
#include "release/project.h"

namespace mlctl::release {

using OpenStore = std::function<Result<std::unique_ptr<registry::Store>>(const std::string& address)>;

struct Provider {
  const Project& project;
  const registry::Git* git;  // null: no repository
  registry::Store& store;    // the project's registry
  OpenStore open;
  Clock& clock;
  Progress& progress;
};
// The versions that a plan makes new revisions of: in a cluster, or in a GitOps folder.
[[nodiscard]] std::vector<const deploy::Spec*> new_versions(const deploy::ClusterPlan& plan);
[[nodiscard]] std::vector<const deploy::Spec*> new_versions(const deploy::Desired& desired,
                                                            const deploy::FolderPlan& plan);

// Copies those whose image is not at `pull:` yet, with all that refers to them; how many were sent. What is not in the
// project's registry (its tag was made by hand) is packed from the tag's commit and pushed there first. Nothing where
// the environment says `copy: false`. Error{corrupt}: the registry's version is another one.
[[nodiscard]] Result<std::size_t> provide_images(const std::vector<const deploy::Spec*>& specs,
                                                 const Provider& provider);

}  // namespace mlctl::release
