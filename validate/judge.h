// From what a load measured to verdicts. Pure: the same samples and seed give the same checks.
#pragma once
#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "validate/gate_config.h"
#include "validate/load.h"
#include "validate/report.h"
#include "validate/schedule.h"

namespace mlctl::validate {

// A client that could not keep its own schedule has measured itself.
inline constexpr double client_cpu_limit = 0.80;  // of one core
inline constexpr double late_share_limit = 0.01;  // of the requests; the median bears 5 %
inline constexpr double late_tail_limit = 0.10;   // of the requests beyond a quantile that is called too slow
inline constexpr Duration late_after = std::chrono::milliseconds(5);

struct ClientState {
  double cpu = 0;          // share of one core
  double late = 0;         // share of requests sent more than late_after behind their time
  double missed_rate = 0;  // 0.02: 2 % less than the rate asked for was answered in time
  // Too much so to judge the quantile q: late sends move a quantile once they are a good part of what lies beyond it.
  [[nodiscard]] bool saturated(double q) const;
  // Too much so to call the quantile q too slow. Stricter where the tail is thin: one late request in a hundred is all
  // that a p99 shows.
  [[nodiscard]] bool spoils_tail(double q) const;
};
[[nodiscard]] ClientState client_state(const Schedule& schedule, const LoadResult& result);

struct LoadJudgement {
  std::vector<Check> checks;  // "errors", "latency.limit.p99", "latency.slower.p50": named as in the configuration
  std::vector<Distribution> distributions;
  std::vector<Series> series;
};
// `compare`: the schedule had a baseline. Without one, latency.slower is skipped: first_version.
// Failed requests count as infinitely slow. A saturated client, or a load that a dying server cut short, makes every
// latency check inconclusive (a limit that is kept although requests were sent late is kept), and so does a tail that
// the client spoiled where it would fail the check; the death itself fails "errors" (of the candidate) or is its error
// (of the baseline).
[[nodiscard]] LoadJudgement judge_load(const GateConfig& config, const Schedule& schedule, const LoadResult& result,
                                       bool compare, std::uint64_t seed);

}  // namespace mlctl::validate
