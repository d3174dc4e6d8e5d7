// Metrics of the user's own (rollout.judge.metrics): any PromQL that yields a good and a total counter for each pod.
// Everything but read_metric() is pure.
#pragma once
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "deploy/rollout/look.h"
#include "deploy/rollout/state.h"

namespace mlctl::deploy {

// One query for both counters, so that they are of one instant. `pods`: prefixes of their names.
[[nodiscard]] std::string metric_query(const UserMetric& metric, const std::string& name_space,
                                       const std::vector<std::string>& pods);

using PodRawCounts = std::map<std::string, RawCount>;  // by pod
// Its answer. A pod without a total is not in it; one without a good counter has had nothing good. Error{unavailable}:
// Prometheus says no; Error{corrupt}: series without a pod, or what no counter can be.
[[nodiscard]] Result<PodRawCounts> parse_metric(std::string_view body);
// The same over a range, as of parse_matrix().
[[nodiscard]] Result<std::vector<PodRawCounts>> parse_metric_range(std::string_view body, double start, double step,
                                                                   std::size_t points);

// Of the pods of these revisions, from the cluster's Prometheus. Errors name the metric.
[[nodiscard]] Result<PodRawCounts> read_metric(const RolloutSeams& seams, const RolloutLive& live,
                                               const UserMetric& metric, const std::vector<std::string>& revisions);

}  // namespace mlctl::deploy
