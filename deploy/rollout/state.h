// A rollout as the cluster remembers it: what is intended is written here (compare-and-swap) before it is done, so that
// whoever takes over knows what to go on with. Part of the model's state (deploy/cluster/state.h). Pure.
#pragma once
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "deploy/config.h"
#include "deploy/rollout/config.h"
#include "deploy/rollout/replay_state.h"
#include "deploy/rollout/samples.h"

namespace mlctl::deploy {

// What serves, by the digest that everything else refers to.
struct Serves {
  std::string revision, digest, version, commit;
  std::uint64_t assignment = 0;
  std::string since;  // RFC 3339
  std::string run;    // who: "alice@host", or the CI run
  bool operator==(const Serves&) const = default;
};
[[nodiscard]] nlohmann::ordered_json to_json(const Serves& serves);
[[nodiscard]] Serves serves_from(const nlohmann::ordered_json& value);  // what is missing is empty

// How a server is asked what it has counted.
struct Counting {
  MetricNames names;
  int port = 0;
  std::string path;
  bool operator==(const Counting&) const = default;
};

// Frozen when the rollout begins.
struct RolloutPlan {
  RolloutConfig config;
  double edge = 0;            // seconds: requests above it are slow; 0: latency is not judged
  std::int64_t replicas = 1;  // of stable at the start, and of the whole
  Counting counting;
  int infer_port = 0;                      // of a pod, where requests are replayed to
  std::optional<std::int64_t> stable_min;  // of stable's autoscaler before the rollout; nullopt: it has none
  std::optional<GatewayMetrics> gateway;   // how it counts; nullopt: it is not asked
  bool gateway_failed_before = false;      // it has had to answer 502, 503 or 504 for stable too
  bool operator==(const RolloutPlan&) const = default;
};
// Errors, latency where the plan has an edge, then the user's own.
[[nodiscard]] JudgeRules rules_of(const RolloutPlan& plan);
[[nodiscard]] std::optional<std::size_t> latency_in(const RolloutPlan& plan);  // its place among these
[[nodiscard]] std::size_t first_of_users(const RolloutPlan& plan);             // the place of the first of theirs

enum class Phase {
  preparing,  // pods for the next weight are started
  shifting,   // the route has the weight, and nobody has seen requests follow it yet
  measuring,
  looking,   // promoted: stable's pods are kept a while
  aborting,  // the canary's weight goes to zero
  aborted,   // it is at zero: the canary is kept a while
  promoted,  // over
  failed     // over
};
[[nodiscard]] const char* to_string(Phase phase);

// What a server has counted of one metric since it started: all of it, and what of it was good.
struct RawCount {
  double total = 0, good = 0;
  bool operator==(const RawCount&) const = default;
};
// Counters of a pod; metrics in the order of the judge's. nullopt: nobody can say right now.
struct PodCounters {
  double requests = 0;
  std::vector<std::optional<RawCount>> metrics;
  bool operator==(const PodCounters&) const = default;
};
using ArmCounters = std::map<std::string, PodCounters>;  // by pod

// A block of the judge's grid while it fills: where counters stood when it began, and last.
struct OpenBlock {
  WallTime from{};
  ArmCounters stable, canary;            // at its beginning
  ArmCounters last_stable, last_canary;  // of the newest scrape
  int scrapes = 0;
  std::vector<std::string> broken;  // pods that began anew in it
  ArmCounters replayed = {};        // of both arms: what they were asked by us in it, and the errors among that
  bool operator==(const OpenBlock&) const = default;
};

// What clients were answered by the gateway: requests, and of them 502, 503 and 504.
struct GatewaySeen {
  BlockCounts last;             // as it counts
  BlockCounts since;            // the rollout began
  std::vector<double> process;  // deploy/judge/ratio.h: whether the canary's share of the failures is too large
  bool operator==(const GatewaySeen&) const = default;
};

struct ArmTotals {
  double requests = 0;
  std::vector<ArmCounts> metrics;  // in the order of the judge's
  bool operator==(const ArmTotals&) const = default;
};

struct Pause {
  std::string by, reason;  // by: "mlctl" where it paused itself
  WallTime since{};
  bool operator==(const Pause&) const = default;
};

struct RolloutEvent {
  WallTime when{};
  std::string what;
  bool operator==(const RolloutEvent&) const = default;
};
inline constexpr std::size_t events_kept = 60;

struct RolloutState {
  Serves candidate, baseline;
  RolloutPlan plan;
  Phase phase = Phase::preparing;
  std::size_t step = 0;
  double weight = 0;                  // of the canary, as it is intended
  std::int64_t replicas = 0;          // of the canary, as it is intended
  WallTime since{};                   // of the phase
  WallTime began{};                   // of the rollout
  std::int64_t route_generation = 0;  // that our last write made; 0: none
  std::int64_t stable_crashes = -1;   // that were seen last; -1: those that are seen next are no news
  WallTime stable_crashed{};          // when there was one more; the beginning of time: never
  std::int64_t canary_crashes = 0;    // the same, of what a person went on in spite of
  ArmTotals stable, canary;           // in this step, as far as blocks are whole
  std::size_t blocks = 0;             // in this step
  std::size_t skipped = 0;            // steps, for want of traffic
  std::optional<OpenBlock> block;
  std::optional<GatewaySeen> gateway;
  WallTime measured{};  // the newest scrape
  std::string judge;    // JSON of deploy/judge: what it knows
  std::string verdict;  // its last words
  ReplayState replay;
  std::optional<Pause> pause;
  std::string reason;    // of the end
  std::string evidence;  // last log lines of the canary
  std::string driver;    // who ticks; "": nobody
  WallTime heartbeat{};
  std::vector<RolloutEvent> events;
  bool operator==(const RolloutState&) const = default;
  [[nodiscard]] bool is_over() const { return phase == Phase::promoted || phase == Phase::failed; }
  [[nodiscard]] bool has_won() const { return phase == Phase::looking || phase == Phase::promoted; }
  [[nodiscard]] bool has_lost() const {
    return phase == Phase::aborting || phase == Phase::aborted || phase == Phase::failed;
  }
};
void enter(RolloutState& state, Phase phase, WallTime now);              // no block is open then
void tell(RolloutState& state, WallTime when, const std::string& what);  // keeps the newest events_kept

// Times of others are hostile too: between any two of these there are fewer than 2^63 nanoseconds.
[[nodiscard]] bool is_sensible(WallTime time);

[[nodiscard]] nlohmann::ordered_json to_json(const RolloutState& state);
// Error{corrupt}: edited into something else.
[[nodiscard]] Result<RolloutState> parse_rollout(const nlohmann::ordered_json& value);

}  // namespace mlctl::deploy
