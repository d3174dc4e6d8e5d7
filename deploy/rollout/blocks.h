// Counters into blocks of the judge's grid, and blocks into its verdict. Pure.
#pragma once
#include "deploy/judge/judge.h"
#include "deploy/rollout/decide.h"
#include "deploy/rollout/state.h"

namespace mlctl::deploy {

// Adds a scrape; a block that is whole is judged. Pods that vanished in it or began anew are left out of it.
void take_scrape(RolloutState& state, const Observation& seen);
// What the judge says now, by all whole blocks.
[[nodiscard]] Judgement judgement_of(const RolloutState& state);
// How far it is from each answer, metric by metric.
[[nodiscard]] std::vector<Evidence> evidence_of(const RolloutState& state);
// Begins the step that state.step is: what was measured for the one before is not its own.
void begin_judging(RolloutState& state);

// What of a sample the judge counts, in the order of its metrics, without the user's own; `edge` in seconds, 0: latency
// is not judged.
[[nodiscard]] PodCounters counters_of(const PodSample& sample, double edge);
// What was counted between two times; what nobody knew at one of them is nothing.
[[nodiscard]] ArmCounts difference(const std::optional<RawCount>& before, const std::optional<RawCount>& after);
// What the pods did between each point and the next one. Pods that vanished or began anew meanwhile are left out.
[[nodiscard]] std::vector<std::vector<PodCounts>> blocks_between(const std::vector<ArmCounters>& points);

[[nodiscard]] double requests_of(const ArmCounters& arm);
// Requests since a block began, of both arms, and the canary's share of them.
struct Followed {
  double requests = 0, share = 0;
};
[[nodiscard]] Followed followed(const OpenBlock& block);

}  // namespace mlctl::deploy
