// Prometheus, by its address or through the API server: what pods have counted, now and before.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "deploy/judge/judge.h"
#include "deploy/rollout/look.h"

namespace mlctl::deploy {

// /api/v1/ENDPOINT of the cluster's Prometheus, which there is; the body of its answer. Source: Prometheus HTTP API.
[[nodiscard]] Result<std::string> prometheus_get(const RolloutSeams& seams, const std::string& endpoint,
                                                 const std::vector<std::pair<std::string, std::string>>& query);
// What the names of pods (and Services) of these revisions begin with.
[[nodiscard]] std::vector<std::string> pod_prefixes(const RolloutLive& live, const std::vector<std::string>& revisions);
// All series of what these revisions count.
[[nodiscard]] std::string query_of(const RolloutLive& live, const Counting& counting,
                                   const std::vector<std::string>& revisions);

inline constexpr std::size_t history_blocks = 120;  // two hours, with blocks of a minute

// What stable's pods did before the rollout, in blocks as long as the judge's. Empty: there is no Prometheus that could
// tell. What it cannot tell of the user's own metrics is left out.
[[nodiscard]] Result<std::vector<std::vector<PodCounts>>> read_history(const RolloutSeams& seams,
                                                                       const RolloutLive& live,
                                                                       const RolloutPlan& plan);

}  // namespace mlctl::deploy
