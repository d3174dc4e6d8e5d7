// Ticks by the clock until a rollout is over, paused, taken over or interrupted. Where people abort it and leave the
// rest to whoever drives, that is driven too.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "base/http.h"
#include "base/terminal.h"
#include "deploy/cluster/plan.h"
#include "deploy/rollout/driver.h"

namespace mlctl::deploy {

// The driver has taken it. Every event is a note of `progress`. A cluster that cannot be asked is waited for, half an
// hour at most. Error{interrupted}: Ctrl-C; the rollout stays where it is. Others as of Driver::tick().
[[nodiscard]] Result<ModelState> drive(Driver& driver, const RolloutPlace& place, Clock& clock, Progress& progress);

// Several side by side, by turns in one thread; the ends in their order. Notes name the model.
struct Driven {
  RolloutPlace place;
  Driver* driver = nullptr;
};
[[nodiscard]] std::vector<Result<ModelState>> drive_all(const std::vector<Driven>& all, Clock& clock,
                                                        Progress& progress);

// A rollout of a model for which git assigns something else, as it was planned: all traffic back to stable, and until
// the route has followed. What it leaves goes when its look-around is over, or with the end of the one that follows it.
// One that was promoted is not gone back from for a newer version (rollout.md, rule 13), only for what served before
// it: its look-around ends early, with what it keeps. The driver still has it. "", or why it is not proven that the
// gateway has followed. Error{conflict}: it is promoted and paused, a person decides first; Error{timeout}: the route
// itself still is another, or what served before is asked on and on.
[[nodiscard]] Result<std::string> end_rollout(Driver& driver, const OwnerPlan& owner, const std::string& who,
                                              const std::string& why, Clock& clock);

// For RolloutSeams::fetch. The token is read anew each time: others renew it.
[[nodiscard]] std::function<Result<std::string>(const std::string& url)> fetch_with(
    HttpClient& http, const std::optional<PrometheusConfig>& where);

}  // namespace mlctl::deploy
