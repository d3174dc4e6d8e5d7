// What people ask of a rollout, whatever phase it is in. Each says in `who` who asks. Pure.
#pragma once
#include <string>

#include "base/clock.h"
#include "deploy/rollout/state.h"

namespace mlctl::deploy {

void ask_pause(RolloutState& state, const std::string& who, const std::string& why, WallTime now);
void ask_resume(RolloutState& state, const std::string& who, WallTime now);
void ask_promote(RolloutState& state, const std::string& who, WallTime now);
void ask_abort(RolloutState& state, const std::string& who, const std::string& why, WallTime now);
// Of one that looks around, and is not paused: what was promoted stays, and what served before goes as soon as nobody
// asks it any more.
void ask_end_of_looking(RolloutState& state, const std::string& who, const std::string& why, WallTime now);

// The same without anybody: what the judge and the pods say is enough.
void abort_rollout(RolloutState& state, WallTime now, const std::string& reason);

}  // namespace mlctl::deploy
