// How long a rollout will take with the traffic that stable has: the judge on the mean path, no promise. Pure.
#pragma once
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "deploy/judge/judge.h"
#include "deploy/rollout/look.h"
#include "deploy/rollout/state.h"

namespace mlctl::deploy {

struct StepForecast {
  double weight = 0;
  std::int64_t replicas = 0;
  double requests_per_second = 0;  // at the canary
  std::optional<Duration> pass;    // of a version that is the same; nullopt: not within a day
  std::optional<Duration> detect;  // of one that is three times as bad
};

struct RolloutForecast {
  RolloutState state;                              // as it would begin
  double requests_per_second = 0, error_rate = 0;  // of stable, since its pods started
  std::vector<StepForecast> steps;                 // those below 100 %
  std::vector<std::string> notes;                  // what should be known before
  std::vector<std::string> replay;                 // bodies of the requests that are kept for it
};

// What the pods of a revision have counted since they started.
struct Traffic {
  double requests = 0, errors = 0, seconds = 0;  // seconds: of the pod that is there longest
  std::map<double, double> buckets;
  std::size_t pods = 0;  // that count
};
[[nodiscard]] Traffic traffic_of(const RolloutLive& live, const std::string& revision,
                                 const std::map<std::string, PodSample>& samples);
[[nodiscard]] double age_of(const nlohmann::ordered_json& pod, WallTime now);  // seconds, 1 at least

// The edge that about one request in twenty is above: where there are more, an edge says less of the tail; where there
// are none, nothing is counted. Seconds; 0: there is none to choose.
[[nodiscard]] double choose_edge(const Traffic& traffic);

using History = std::vector<std::vector<PodCounts>>;
[[nodiscard]] Judge judge_after(const JudgeRules& rules, const History& history);

// How stable does by one metric: requests a second, the share that counts against it, and block by block.
// How often stable is asked now, and what share fails: by the newest blocks that Prometheus knows; where there are too
// few, since its pods began.
struct Recent {
  double rate = 0, error_rate = 0;
};
[[nodiscard]] Recent recent_of(const Traffic& since_start, const History& history, Duration block);

struct Stable {
  double rate = 0, error_rate = 0;
  History history;
};
using UserRates = std::vector<Stable>;  // by the user's metrics, in their order

// By errors, and by the user's metrics: all of them have to pass.
[[nodiscard]] std::vector<StepForecast> forecast_steps(const RolloutPlan& plan, const Stable& stable,
                                                       const UserRates& rates);
[[nodiscard]] std::vector<std::string> notes_of(const RolloutPlan& plan, const RolloutForecast& forecast);

}  // namespace mlctl::deploy
