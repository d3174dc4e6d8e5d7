#include "deploy/rollout/display.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "deploy/rollout/blocks.h"
#include "deploy/rollout/driver.h"
#include "deploy/rollout/replay.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t bar_width = 30;
constexpr std::size_t events_shown = 8;

std::string bar(double share, const Style& style) {
  const auto filled = static_cast<std::size_t>(std::lround(std::clamp(share, 0.0, 1.0) * bar_width));
  std::string out;
  for (std::size_t i = 0; i < bar_width; ++i)
    out += i < filled ? (style.unicode ? "█" : "#") : (style.unicode ? "░" : ".");
  return out;
}

std::string percent(double share, int digits = 1) {
  const double scale = std::pow(10, digits);
  std::string text = std::to_string(std::round(share * 100 * scale) / scale);
  const auto point = text.find('.');
  text.resize(std::min(text.size(), point + 1 + static_cast<std::size_t>(digits)));
  while (text.ends_with('0')) text.pop_back();
  if (text.ends_with('.')) text.pop_back();
  return text + " %";
}

std::string rate_text(double per_second) {
  std::string text = std::to_string(std::round(per_second * 10) / 10);
  text.resize(text.find('.') + 2);
  return text + "/s";
}

Duration elapsed(WallTime from, WallTime now) {
  return std::max(now - from, std::chrono::seconds(0));
}

std::string phase_text(const RolloutState& rollout, WallTime now) {
  std::string out = to_string(rollout.phase);
  if (rollout.is_over()) return out;
  if (!rollout.has_lost() && !rollout.has_won())
    out += ", step " + std::to_string(rollout.step + 1) + " of " + std::to_string(rollout.plan.config.steps.size());
  const auto passed = elapsed(rollout.since, now);
  return passed < std::chrono::seconds(1) ? out : out + ", for " + human_duration(passed);
}

// Requests in the step: whole blocks and the one that fills.
ArmTotals with_open(const ArmTotals& whole, const ArmCounters& from, const ArmCounters& to) {
  ArmTotals out = whole;
  for (const auto& [pod, after] : to) {
    const auto found = from.find(pod);
    if (found == from.end() || after.requests < found->second.requests) continue;
    const auto& before = found->second;
    out.requests += after.requests - before.requests;
    out.metrics.resize(std::max(out.metrics.size(), after.metrics.size()));
    for (std::size_t i = 0; i < std::min(after.metrics.size(), before.metrics.size()); ++i) {
      const auto counts = difference(before.metrics[i], after.metrics[i]);
      out.metrics[i].requests += std::max(0.0, counts.requests);
      out.metrics[i].events += std::max(0.0, counts.events);
    }
  }
  return out;
}

std::string arm_line(const ArmTotals& arm, const std::vector<MetricRule>& metrics) {
  std::string out = count_text(static_cast<std::uint64_t>(arm.requests), "request");
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    const ArmCounts counts = i < arm.metrics.size() ? arm.metrics[i] : ArmCounts{};
    out += ", " + (counts.requests > 0 ? percent(counts.events / counts.requests, 2) : std::string("-")) + " " +
           escape_control(metrics[i].name);
  }
  return out;
}

std::string gateway_line(const GatewaySeen& gateway) {
  const auto arm = [](const ArmCounts& counts) {
    return std::to_string(static_cast<std::uint64_t>(counts.events)) + " of " +
           count_text(static_cast<std::uint64_t>(counts.requests), "request");
  };
  return "  gateway   502, 503 or 504 to " + arm(gateway.since.canary) + " of the canary, " +
         arm(gateway.since.stable) + " of stable\n";
}

// By the pace so far; "" where it says nothing.
std::string time_left(const RolloutState& rollout) {
  if (rollout.phase != Phase::measuring || rollout.blocks == 0) return "";
  double least = 1;
  for (const auto& one : evidence_of(rollout)) least = std::min(least, one.pass);
  if (least >= 1 || least <= 0.02) return "";
  const double blocks = static_cast<double>(rollout.blocks) * (1 - least) / least;
  return "about " + human_duration(rollout.plan.config.block * static_cast<int>(std::ceil(blocks))) +
         " to an answer at this pace";
}

std::string measured_text(const RolloutState& rollout, const Style& style) {
  const auto metrics = rules_of(rollout.plan).metrics;
  const OpenBlock none;
  const bool filling = rollout.phase == Phase::measuring && rollout.block;
  const OpenBlock& block = filling ? *rollout.block : none;
  const auto stable = with_open(rollout.stable, block.stable, block.last_stable);
  const auto canary = with_open(rollout.canary, block.canary, block.last_canary);
  std::string out = "  stable    " + arm_line(stable, metrics) + "\n  canary    " + arm_line(canary, metrics) + "\n";
  for (const auto& one : evidence_of(rollout))
    out += "  evidence  " + bar(one.pass, style) + " " + percent(std::clamp(one.pass, 0.0, 1.0), 0) + " of a pass, " +
           percent(std::clamp(one.fail, 0.0, 1.0), 0) + " of a fail: " + one.metric + "\n";
  if (rollout.gateway) out += gateway_line(*rollout.gateway);
  if (const auto left = time_left(rollout); !left.empty()) out += "  left      " + left + "\n";
  return out;
}

std::string replay_text(const RolloutState& rollout) {
  if (rollout.plan.config.low_traffic != LowTraffic::replay) return "";
  const auto& replay = rollout.replay;
  const auto arm = [](const ReplayedArm& one) {
    return std::to_string(static_cast<std::uint64_t>(one.answered)) +
           (one.refused > 0 ? " (" + std::to_string(static_cast<std::uint64_t>(one.refused)) + " with 4xx)" : "");
  };
  return "  replay    " + arm(replay.stable) + " requests to stable, " + arm(replay.canary) + " to the canary, " +
         std::to_string(static_cast<std::uint64_t>(replay.lost)) + " not delivered; people send " +
         rate_text(replay.people) + (replay.trouble.empty() ? "" : "; " + escape_control(replay.trouble)) + "\n";
}

std::string driver_text(const RolloutState& rollout, WallTime now, const std::string& command) {
  if (rollout.is_over()) return "";
  if (is_driven(rollout, now))
    return "  driver    " + escape_control(rollout.driver) + ", seen " + ago(rollout.heartbeat, now) + "\n";
  const auto since = rollout.heartbeat == WallTime() ? " yet" : " since " + ago(rollout.heartbeat, now);
  return "  driver    nobody" + (rollout.driver.empty() ? "" : ": " + escape_control(rollout.driver) + " is silent") +
         since + "; `mlctl rollout " + (rollout.has_lost() ? "abort " + command + " --wait" : "start " + command) +
         "` drives it\n";
}

Tone tone_of(const RolloutState& rollout) {
  if (rollout.has_lost()) return Tone::bad;
  if (rollout.pause) return Tone::warn;
  return rollout.has_won() ? Tone::good : Tone::strong;
}

Json duration_json(const std::optional<Duration>& duration) {
  return duration ? Json(std::chrono::duration<double>(*duration).count()) : Json();
}

}  // namespace

int rollout_code(const RolloutState& rollout, WallTime now) {
  if (rollout.has_lost()) return exit_code(Error::Kind::denied);
  if (rollout.pause) return exit_code(Error::Kind::inconclusive);
  return rollout.is_over() || is_driven(rollout, now) ? 0 : exit_code(Error::Kind::denied);
}

std::string to_text(const ModelState& state, WallTime now, const Style& style) {
  const RolloutState& rollout = *state.rollout;
  const auto command = to_string(state.model) + " --env " + state.environment;
  std::string out = paint(to_string(state.model) + " in " + escape_control(state.environment), Tone::strong, style) +
                    ": " + escape_control(rollout.baseline.version) + (style.unicode ? " → " : " -> ") +
                    escape_control(rollout.candidate.version) + "\n";
  out += "  phase     " + paint(phase_text(rollout, now), tone_of(rollout), style) + "\n";
  out += "  weight    " + bar(rollout.weight, style) + " " + percent(rollout.weight) + " to the canary, " +
         count_text(static_cast<std::uint64_t>(std::max<std::int64_t>(rollout.replicas, 0)), "pod") + " of " +
         std::to_string(rollout.plan.replicas) + "\n";
  if (rollout.phase == Phase::measuring) out += measured_text(rollout, style) + replay_text(rollout);
  if (!rollout.verdict.empty() && rollout.phase == Phase::measuring)
    out += "  verdict   " + escape_control(rollout.verdict) + "\n";
  if (rollout.pause)
    out += "  paused    " + paint(escape_control(rollout.pause->reason), Tone::warn, style) + " (by " +
           escape_control(rollout.pause->by) + "); `mlctl rollout resume " + command + "` goes on\n";
  if (!rollout.reason.empty()) out += "  reason    " + paint(escape_control(rollout.reason), Tone::bad, style) + "\n";
  out += driver_text(rollout, now, command);
  const auto first = rollout.events.size() > events_shown ? rollout.events.size() - events_shown : 0;
  for (std::size_t i = first; i < rollout.events.size(); ++i) {
    const auto& event = rollout.events[i];
    out +=
        "  " + (style.terminal ? ago(event.when, now) : rfc3339(event.when)) + "  " + escape_control(event.what) + "\n";
  }
  if (!rollout.evidence.empty()) out += "  last lines of the canary:\n" + escape_control(rollout.evidence, true) + "\n";
  return out;
}

Json rollout_json(const ModelState& state, WallTime now) {
  const RolloutState& rollout = *state.rollout;
  Json out = {{"schemaVersion", 1},
              {"model", to_string(state.model)},
              {"environment", state.environment},
              {"namespace", state.name_space},
              {"epoch", state.epoch}};
  out.update(to_json(rollout));
  Json evidence = Json::array();
  for (const auto& one : evidence_of(rollout))
    evidence.push_back({{"metric", one.metric}, {"pass", one.pass}, {"fail", one.fail}});
  out["log"] = rollout.evidence;
  out["evidence"] = std::move(evidence);
  out["driven"] = is_driven(rollout, now);
  out["exitCode"] = rollout_code(rollout, now);
  return out;
}

std::string to_text(const RolloutForecast& forecast, const Style& style) {
  const auto& plan = forecast.state.plan;
  std::string out = escape_control(forecast.state.baseline.version) + (style.unicode ? " → " : " -> ") +
                    escape_control(forecast.state.candidate.version) + ", " +
                    count_text(static_cast<std::uint64_t>(plan.replicas), "replica") + "; stable answers " +
                    rate_text(forecast.requests_per_second) + ", " + percent(forecast.error_rate, 2) + " errors";
  if (plan.edge > 0)
    out += "; latency is judged at " + human_duration(std::chrono::nanoseconds(std::llround(plan.edge * 1e9)));
  out += '\n';
  const auto text = [](const std::optional<Duration>& time) {
    return time ? human_duration(*time) : std::string("not within a day");
  };
  Rows rows;
  for (const auto& step : forecast.steps)
    rows.push_back({percent(step.weight), std::to_string(step.replicas), rate_text(step.requests_per_second),
                    text(step.pass), text(step.detect)});
  rows.push_back({"100 %", std::to_string(plan.replicas), rate_text(forecast.requests_per_second), "-", "-"});
  Style headed = style;
  headed.terminal = true;
  out += render_table({"weight", "pods", "requests", "passes in", "3 times the errors found in"}, rows, headed);
  for (const auto& note : forecast.notes) out += "note: " + note + "\n";
  return out;
}

Json to_json(const RolloutForecast& forecast) {
  Json steps = Json::array();
  for (const auto& step : forecast.steps)
    steps.push_back({{"weight", step.weight},
                     {"replicas", step.replicas},
                     {"requestsPerSecond", step.requests_per_second},
                     {"passSeconds", duration_json(step.pass)},
                     {"detectSeconds", duration_json(step.detect)}});
  return {{"schemaVersion", 1},
          {"baseline", to_json(forecast.state.baseline)},
          {"candidate", to_json(forecast.state.candidate)},
          {"replicas", forecast.state.plan.replicas},
          {"latencyEdgeSeconds", forecast.state.plan.edge > 0 ? Json(forecast.state.plan.edge) : Json()},
          {"requestsPerSecond", forecast.requests_per_second},
          {"errorRate", forecast.error_rate},
          {"steps", steps},
          {"notes", forecast.notes}};
}

}  // namespace mlctl::deploy
