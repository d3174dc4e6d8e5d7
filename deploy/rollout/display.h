// A rollout for people and for programs. Pure.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/clock.h"
#include "base/terminal.h"
#include "deploy/cluster/state.h"
#include "deploy/rollout/start.h"

namespace mlctl::deploy {

// The live picture: weights, requests, errors and latency of both arms, evidence, the time that is left by the pace so
// far, who drives it, what happened. `state.rollout` is there.
[[nodiscard]] std::string to_text(const ModelState& state, WallTime now, const Style& style);
// Everything that the cluster remembers, and `driven`, `evidence`, `exitCode`.
[[nodiscard]] nlohmann::ordered_json rollout_json(const ModelState& state, WallTime now);
[[nodiscard]] std::string to_text(const RolloutForecast& forecast, const Style& style);
[[nodiscard]] nlohmann::ordered_json to_json(const RolloutForecast& forecast);

// 0: it goes on as it should, or was promoted; 1: aborted, or nobody drives it; 5: paused by itself, the data did not
// decide or could not be had.
[[nodiscard]] int rollout_code(const RolloutState& rollout, WallTime now);

}  // namespace mlctl::deploy
