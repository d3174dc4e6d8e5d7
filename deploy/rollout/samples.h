// What the servers of a model have counted since they started, as they expose it: raw counters, pod by pod, which the
// rollout takes differences of. Pure. Everything that is read here is hostile: bounded in series, labels and lengths.
// Source: Prometheus text exposition format 0.0.4 and OpenMetrics 1.0 (what both have in common).
#pragma once
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "deploy/rollout/series.h"

namespace mlctl::deploy {

// How a runtime counts. Part of its profile (deploy/pod.h).
struct MetricNames {
  std::string requests;    // counter: "rest_server_requests_total"
  std::string code_label;  // of it: the HTTP status
  std::string latency;     // histogram in seconds, without _bucket: "rest_server_request_duration_seconds"
  std::string path_label;  // only series whose label of this name contains `path_part` are requests to a model;
  std::string path_part;   // "" for both: all are
  bool operator==(const MetricNames&) const = default;
};

struct PodSample {
  double requests = 0;
  double errors = 0;                 // answered with 5xx; what a client did wrong (4xx) says nothing of the model
  std::map<double, double> buckets;  // upper edge in seconds, +inf too -> requests at or below it
  bool operator==(const PodSample&) const = default;
};

// The text that a pod serves. nullopt: it has none of these series (yet: many servers expose a counter only after the
// first request). Error{corrupt} with the line: not the format, a counter that is negative or not finite, too large.
[[nodiscard]] Result<std::optional<PodSample>> parse_exposition(std::string_view text, const MetricNames& names);

// One instant query that brings all series of the pods of a namespace whose name begins with one of the prefixes:
// {__name__=~"a|b_bucket",namespace="fraud",pod=~"credit-risk-3f9c2a17be-.*|…"}, everything escaped.
[[nodiscard]] std::string instant_query(const MetricNames& names, const std::string& name_space,
                                        const std::vector<std::string>& pod_prefixes);
// Its answer, by pod; of a pod that several jobs scrape, by one of them. Errors as of parse_vector(); Error{corrupt}:
// what no counter can be.
[[nodiscard]] Result<std::map<std::string, PodSample>> parse_query(std::string_view body, const MetricNames& names);
// The answer to the same query over a range, as of parse_matrix(): what the pods had counted at each place. A pod
// without a sample at a place is not in it.
[[nodiscard]] Result<std::vector<std::map<std::string, PodSample>>> parse_range(std::string_view body,
                                                                                const MetricNames& names, double start,
                                                                                double step, std::size_t points);

}  // namespace mlctl::deploy
