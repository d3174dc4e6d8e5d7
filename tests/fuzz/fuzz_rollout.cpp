// What pods and Prometheus say that was counted, and what a cluster remembers of a rollout: nothing crashes, counts are
// counts, and a state that is accepted is written and read back to the same.
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "deploy/rollout/blocks.h"
#include "deploy/rollout/decide.h"
#include "deploy/rollout/gateway.h"
#include "deploy/rollout/samples.h"
#include "deploy/rollout/state.h"
#include "deploy/rollout/user_metrics.h"

using namespace mlctl::deploy;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const PodSample& sample) {
  require(std::isfinite(sample.requests) && sample.requests >= 0);
  require(sample.errors >= 0 && sample.errors <= sample.requests);
  for (const auto& [edge, count] : sample.buckets) require(!std::isnan(edge) && std::isfinite(count) && count >= 0);
}

void check(const RawCount& count) {
  require(!std::isnan(count.total) && count.total >= 0 && !std::isnan(count.good) && count.good >= 0);
}

void check_state(std::string_view text) {
  const auto object = nlohmann::ordered_json::parse(text, nullptr, false);
  if (object.is_discarded()) return;
  const auto state = parse_rollout(object);
  if (!state) return;
  const auto again = parse_rollout(to_json(*state));
  require(again && *again == *state);
  static_cast<void>(judgement_of(*state));
  static_cast<void>(evidence_of(*state));
  Observation seen{.now = state->since + std::chrono::minutes(5), .scraped = true};
  seen.route = {true, true, state->weight, state->route_generation, true, "", ""};
  if (state->plan.gateway) seen.gateway = BlockCounts{{9, 1}, {9, 1}};
  static_cast<void>(decide(*state, seen));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static const MetricNames plain{"requests_total", "code", "seconds", "", ""};
  static const MetricNames filtered{"requests_total", "code", "seconds", "path", "/infer"};
  for (const auto* names : {&plain, &filtered}) {
    if (const auto sample = parse_exposition(text, *names); sample && *sample) check(**sample);
    if (const auto pods = parse_query(text, *names))
      for (const auto& [pod, sample] : *pods) check(sample);
    if (const auto points = parse_range(text, *names, 1000, 60, 8))
      for (const auto& point : *points)
        for (const auto& [pod, sample] : point) check(sample);
  }
  if (const auto counts = parse_metric(text))
    for (const auto& [pod, count] : *counts) check(count);
  if (const auto points = parse_metric_range(text, 1000, 60, 8))
    for (const auto& point : *points)
      for (const auto& [pod, count] : point) check(count);
  if (const auto counts = parse_gateway(text, *find_gateway("traefik")))
    for (const auto* arm : {&counts->stable, &counts->canary})
      require(std::isfinite(arm->requests) && arm->events >= 0 && arm->events <= arm->requests);
  check_state(text);
  return 0;
}
