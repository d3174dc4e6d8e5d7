#include "deploy/rollout/forecast.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/terminal.h"
#include "deploy/cluster/fields.h"
#include "deploy/rollout/replay.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;

constexpr double edge_share = 0.05;          // of stable's requests above the edge: often enough to count
constexpr double edge_least_requests = 100;  // that tell where the edge is
constexpr int forecast_blocks = 1440;        // of a minute: a day
constexpr int recent_blocks = 10;            // that tell how often stable is asked now

// The judge of one metric on the mean path: blocks of exactly the expected counts.
std::optional<Duration> time_until(JudgeVerdict wanted, const RolloutPlan& plan, const MetricRule& rule,
                                   std::size_t step, double factor, const Stable& stable_arm) {
  const auto [rate, weight] = expected_traffic(plan, step, stable_arm.rate);
  const double error_rate = stable_arm.error_rate;
  Judge judge = judge_after({.metrics = {rule}}, stable_arm.history);
  judge.begin_step(step);
  const double length = std::chrono::duration<double>(plan.config.block).count();
  const auto pods =
      static_cast<int>(std::max<std::int64_t>(replicas_for(plan.config.steps[step].weight, plan.replicas), 1));
  for (int i = 1; i <= forecast_blocks; ++i) {
    JudgeBlock block;
    const double canary = rate * length * weight / pods, stable = rate * length * (1 - weight) / 2;
    for (int pod = 0; pod < 2; ++pod)
      block.stable.push_back({"s" + std::to_string(pod), {{stable, stable * error_rate}}});
    for (int pod = 0; pod < pods; ++pod)
      block.canary.push_back({"c" + std::to_string(pod), {{canary, std::min(canary, canary * error_rate * factor)}}});
    judge.add(block);
    if (judge.judge().verdict == wanted) return plan.config.block * i;
  }
  return std::nullopt;
}

// All of them have to pass.
std::optional<Duration> time_to_pass(const RolloutPlan& plan, std::size_t step, const Stable& stable,
                                     const UserRates& rates) {
  auto longest = time_until(JudgeVerdict::pass, plan, plan.config.errors, step, 1, stable);
  for (std::size_t i = 0; i < rates.size() && longest; ++i) {
    const auto time = time_until(JudgeVerdict::pass, plan, plan.config.metrics[i].rule, step, 1, rates[i]);
    longest = time ? std::optional(std::max(*time, *longest)) : std::nullopt;
  }
  return longest;
}

std::string replay_note(const RolloutPlan& plan, const RolloutForecast& forecast) {
  std::string out = count_text(forecast.replay.size(), "golden case") + (forecast.replay.size() == 1 ? " is" : " are") +
                    " replayed to pods of both versions, which fills people's traffic up to " +
                    std::to_string(std::llround(plan.config.replay_rate)) +
                    "/s where they answer fast enough; that is not production traffic";
  for (std::size_t i = 0; i < forecast.steps.size(); ++i)
    if (const auto& pass = forecast.steps[i].pass; pass && *pass > plan.config.steps[i].hold + plan.config.extend)
      return out +
             "; a step takes longer than `for` and `inconclusive.extend` together, and pauses then: a higher "
             "replay.rate, a higher floor, or a longer `extend`";
  return out;
}

}  // namespace

double age_of(const Json& pod, WallTime now) {  // seconds, 1 at least
  const auto started = parse_rfc3339(text_field(field(pod, "status"), "startTime"));
  return started ? std::max<double>(1, static_cast<double>((now - *started).count())) : 1;
}

Traffic traffic_of(const RolloutLive& live, const std::string& revision,
                   const std::map<std::string, PodSample>& samples) {
  Traffic out;
  double rate = 0;
  for (const Json* pod : pods_of(live, revision)) {
    const auto found = samples.find(key_of(*pod).name);
    if (found == samples.end()) continue;
    ++out.pods;
    out.requests += found->second.requests;
    out.errors += found->second.errors;
    for (const auto& [edge, count] : found->second.buckets) out.buckets[edge] += count;
    rate += found->second.requests / age_of(*pod, live.now);
  }
  out.seconds = rate > 0 ? out.requests / rate : 0;
  return out;
}

double choose_edge(const Traffic& traffic) {
  const auto all = traffic.buckets.find(std::numeric_limits<double>::infinity());
  if (all == traffic.buckets.end() || all->second < edge_least_requests) return 0;
  double best = 0, distance = std::numeric_limits<double>::infinity();
  for (const auto& [edge, below] : traffic.buckets) {
    if (!std::isfinite(edge) || edge <= 0) continue;
    const double share = std::max(1 - below / all->second, 1e-6);
    if (share > 0.5) continue;
    const double far = std::abs(std::log(share / edge_share));
    if (far < distance) {
      distance = far;
      best = edge;
    }
  }
  return best;
}

Recent recent_of(const Traffic& since_start, const History& history, Duration block) {
  const auto seconds = std::chrono::duration<double>(block).count();
  if (history.size() < recent_blocks || seconds <= 0)
    return {since_start.seconds > 0 ? since_start.requests / since_start.seconds : 0,
            since_start.requests > 0 ? since_start.errors / since_start.requests : 0};
  double requests = 0, errors = 0;
  for (auto one = history.end() - recent_blocks; one != history.end(); ++one)
    for (const auto& pod : *one)
      if (!pod.metrics.empty()) {
        requests += pod.metrics.front().requests;
        errors += pod.metrics.front().events;
      }
  return {requests / (recent_blocks * seconds), requests > 0 ? errors / requests : 0};
}

Judge judge_after(const JudgeRules& rules, const History& history) {
  Judge judge(rules);
  for (const auto& block : history) judge.add_history(block);
  return judge;
}

std::vector<StepForecast> forecast_steps(const RolloutPlan& plan, const Stable& stable, const UserRates& rates) {
  const double rate = stable.rate, error_rate = stable.error_rate;
  std::vector<StepForecast> out;
  for (std::size_t i = 0; i + 1 < plan.config.steps.size(); ++i) {
    const auto& step = plan.config.steps[i];
    const auto expected = expected_traffic(plan, i, rate);
    StepForecast one{step.weight, replicas_for(step.weight, plan.replicas), expected.rate * expected.share, {}, {}};
    one.pass = time_to_pass(plan, i, stable, rates);
    // Where stable has no errors, three times as many are none either: what is above the floor counts then.
    const double base = std::max(error_rate, plan.config.errors.floor.value_or(0.001));
    const Stable some{rate, std::max(error_rate, 1e-9), stable.history};
    one.detect = time_until(JudgeVerdict::fail, plan, plan.config.errors, i, 3 * base / some.error_rate, some);
    if (one.pass) {
      one.pass = std::max(*one.pass, step.hold);
      if (one.requests_per_second > 0 && step.min_requests > 0)
        one.pass =
            std::max<Duration>(*one.pass, std::chrono::nanoseconds(std::llround(static_cast<double>(step.min_requests) /
                                                                                one.requests_per_second * 1e9)));
    }
    out.push_back(one);
  }
  return out;
}

std::vector<std::string> notes_of(const RolloutPlan& plan, const RolloutForecast& forecast) {
  std::vector<std::string> notes;
  if (plan.replicas < 2)
    notes.push_back(
        "one replica: a single pod may be a bad node, so errors alone never abort this rollout; a crash does");
  if (plan.config.block < least_judged_block)
    notes.push_back("blocks of " + human_duration(plan.config.block) +
                    ": the judge's error rates were measured with 60 s and more");
  if (plan.edge <= 0)
    notes.push_back("latency is not judged: stable has answered too little to choose an edge from");
  else
    notes.push_back(
        "times are those of errors and metrics of your own; latency has to pass at the last judged weight too");
  const bool replays = plan.config.low_traffic == LowTraffic::replay;
  if (replays) notes.push_back(replay_note(plan, forecast));
  if (replays && !plan.config.metrics.empty())
    notes.push_back(
        "metrics of your own say nothing of a block in which replayed requests are another share of what the canary "
        "answers than of what stable answers: with people's traffic, low weights may take longer than is said here");
  if (forecast.requests_per_second <= 0 && !replays) notes.push_back("stable has no traffic: nothing can be judged");
  for (const auto& step : forecast.steps)
    if ((forecast.requests_per_second > 0 || replays) && !step.pass) {
      notes.push_back(
          "with this traffic some steps are not decided within a day: more weight, a higher floor, or "
          "`low_traffic: time`");
      break;
    }
  return notes;
}

}  // namespace mlctl::deploy
