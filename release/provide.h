// Before pods refer to an image it is in the registry that their nodes pull from: `pull:` of the environment.
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/terminal.h"
#include "deploy/cluster/plan.h"
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
// Copies every version that `plan` makes a new revision of and whose image is not there yet, with all that refers to
// it; how many were sent. What is not in the project's registry (its tag was made by hand) is packed from the tag's
// commit and pushed there first. Error{corrupt}: the registry's version is another one.
[[nodiscard]] Result<std::size_t> provide_images(const deploy::ClusterPlan& plan, const Provider& provider);

}  // namespace mlctl::release
