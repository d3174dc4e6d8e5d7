// Whether a gateway follows an HTTPRoute. Source: Gateway API, RouteStatus: conditions of each parent, with the
// generation that they are about.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/terminal.h"
#include "deploy/cluster/api.h"
#include "deploy/objects.h"

namespace mlctl::deploy {

struct RouteStatus {
  bool told = false;      // a gateway that it names says something of it, and of when
  bool followed = false;  // every one of them follows what it says now
  std::string trouble;    // "Accepted: NoMatchingParent: …": one does not, and says so of what it says now; ""
};
[[nodiscard]] RouteStatus route_status(const nlohmann::ordered_json& route);

struct RoutePatience {
  Duration silence = std::chrono::seconds(5);  // after this nobody is believed to say anything of it
  Duration limit = std::chrono::minutes(1);
};
// Of each route that was just written: nullopt, it is followed, or no gateway says whether it is. Error{denied}: a
// gateway refuses it; {timeout}: one says something of what it was before, and no more; else why it cannot be read.
[[nodiscard]] std::vector<std::optional<Error>> wait_for_routes(const std::vector<ObjectKey>& routes, Cluster& cluster,
                                                                Clock& clock, Progress& progress,
                                                                const RoutePatience& patience = {});

}  // namespace mlctl::deploy
