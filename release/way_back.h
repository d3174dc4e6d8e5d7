// What an environment that is a cluster should run after the way back: the objects of the version as they were applied
// when it served, where the cluster keeps them; else what git and the registry say, rendered anew.
#pragma once
#include <cstdint>
#include <optional>

#include "deploy/cluster/http_cluster.h"
#include "registry/tags.h"
#include "release/fleet.h"

namespace mlctl::release {

struct WayBack {
  const deploy::Environment* environment = nullptr;
  registry::ModelName model;
  std::optional<registry::Assignment> to;  // nullopt: nothing is older
  std::uint64_t n = 0;                     // under which it goes back
  bool render = false;                     // by today's configuration, whatever the cluster keeps
};

struct FleetBack {
  Fleet fleet;        // says in its notes which way was taken
  bool kept = false;  // nothing was rendered, and no registry was asked
};
// Where the cluster does not say what it keeps, that is noted and it is rendered: Error as of find_fleet.
[[nodiscard]] Result<FleetBack> fleet_back(const Project& project, registry::Git* git, registry::Store& store,
                                           const WayBack& way, const deploy::Connection& there);

}  // namespace mlctl::release
