#include "deploy/rollout/state.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/document.h"
#include "deploy/cluster/fields.h"
#include "deploy/rollout/plan_json.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;

struct PhaseName {
  Phase phase;
  const char* name;
};
constexpr std::array<PhaseName, 8> phases{{{Phase::preparing, "preparing"},
                                           {Phase::shifting, "shifting"},
                                           {Phase::measuring, "measuring"},
                                           {Phase::looking, "looking"},
                                           {Phase::aborting, "aborting"},
                                           {Phase::aborted, "aborted"},
                                           {Phase::promoted, "promoted"},
                                           {Phase::failed, "failed"}}};

WallTime time_of(const Json& value, const char* key) {
  const auto time = parse_rfc3339(text_field(value, key));
  return time && is_sensible(*time) ? *time : WallTime{};
}

Json to_json(const ArmCounters& arm) {
  Json out = Json::object();
  for (const auto& [pod, counters] : arm) {
    Json metrics = Json::array();
    for (const auto& one : counters.metrics)
      metrics.push_back(one ? Json{{"total", one->total}, {"good", one->good}} : Json());
    out[pod] = {{"requests", counters.requests}, {"metrics", std::move(metrics)}};
  }
  return out;
}
ArmCounters counters_from(const Json& value) {
  ArmCounters out;
  for (const auto& [pod, one] : value.items()) {
    auto& counters = out[pod];
    counters.requests = real_field(one, "requests");
    for (const auto& metric : field(one, "metrics"))
      counters.metrics.push_back(metric.is_object()
                                     ? std::optional(RawCount{real_field(metric, "total"), real_field(metric, "good")})
                                     : std::nullopt);
  }
  return out;
}

Json to_json(const ArmTotals& arm) {
  Json metrics = Json::array();
  for (const auto& one : arm.metrics) metrics.push_back({{"requests", one.requests}, {"events", one.events}});
  return {{"requests", arm.requests}, {"metrics", std::move(metrics)}};
}
ArmTotals totals_from(const Json& value) {
  ArmTotals out{real_field(value, "requests"), {}};
  for (const auto& one : field(value, "metrics"))
    out.metrics.push_back({real_field(one, "requests"), real_field(one, "events")});
  return out;
}

Json to_json(const OpenBlock& block) {
  return {{"from", rfc3339(block.from)},
          {"stable", to_json(block.stable)},
          {"canary", to_json(block.canary)},
          {"lastStable", to_json(block.last_stable)},
          {"lastCanary", to_json(block.last_canary)},
          {"scrapes", block.scrapes},
          {"broken", block.broken},
          {"replayed", to_json(block.replayed)}};
}
OpenBlock block_from(const Json& value) {
  OpenBlock block{time_of(value, "from"),
                  counters_from(field(value, "stable")),
                  counters_from(field(value, "canary")),
                  counters_from(field(value, "lastStable")),
                  counters_from(field(value, "lastCanary")),
                  static_cast<int>(number_field(value, "scrapes")),
                  {}};
  for (const auto& pod : field(value, "broken"))
    if (pod.is_string()) block.broken.push_back(pod.get<std::string>());
  block.replayed = counters_from(field(value, "replayed"));
  return block;
}

Json to_json(const BlockCounts& counts) {
  Json out = Json::object();
  for (const auto& [name, arm] : {std::pair{"stable", &counts.stable}, {"canary", &counts.canary}})
    out[name] = {{"requests", arm->requests}, {"failures", arm->events}};
  return out;
}
BlockCounts counts_from(const Json& value) {
  const auto arm = [&](const char* name) {
    return ArmCounts{real_field(field(value, name), "requests"), real_field(field(value, name), "failures")};
  };
  return {arm("stable"), arm("canary")};
}

Json to_json(const GatewaySeen& gateway) {
  return {{"last", to_json(gateway.last)}, {"since", to_json(gateway.since)}, {"process", gateway.process}};
}
GatewaySeen gateway_from(const Json& value) {
  GatewaySeen out{counts_from(field(value, "last")), counts_from(field(value, "since")), {}};
  for (const auto& one : field(value, "process"))
    if (one.is_number()) out.process.push_back(one.get<double>());
  return out;
}

// A judge that cannot be read begins anew, which only makes the rollout take longer.
Json judge_json(const std::string& text) {
  Json parsed = Json::parse(text, nullptr, false);
  return parsed.is_object() ? parsed : Json();
}

}  // namespace

Json to_json(const Serves& serves) {
  return {{"revision", serves.revision},
          {"digest", serves.digest},
          {"version", serves.version},
          {"commit", serves.commit},
          {"assignment", serves.assignment},
          {"since", serves.since},
          {"run", serves.run}};
}

Serves serves_from(const Json& value) {
  return {text_field(value, "revision"),
          text_field(value, "digest"),
          text_field(value, "version"),
          text_field(value, "commit"),
          static_cast<std::uint64_t>(std::max<std::int64_t>(number_field(value, "assignment"), 0)),
          text_field(value, "since"),
          text_field(value, "run")};
}

bool is_sensible(WallTime time) {
  using std::chrono::year;
  return time >= std::chrono::sys_days(year(1970) / 1 / 1) && time < std::chrono::sys_days(year(2200) / 1 / 1);
}

const char* to_string(Phase phase) {
  for (const auto& one : phases)
    if (one.phase == phase) return one.name;
  return "";
}

void enter(RolloutState& state, Phase phase, WallTime now) {
  state.phase = phase;
  state.since = now;
  state.block.reset();
}

void tell(RolloutState& state, WallTime when, const std::string& what) {
  state.events.push_back({when, what});
  if (state.events.size() > events_kept) state.events.erase(state.events.begin());
}

Json to_json(const RolloutState& state) {
  Json events = Json::array();
  for (const auto& event : state.events) events.push_back({{"when", rfc3339(event.when)}, {"what", event.what}});
  Json out = {{"phase", to_string(state.phase)},
              {"step", state.step},
              {"weight", state.weight},
              {"replicas", state.replicas},
              {"since", rfc3339(state.since)},
              {"began", rfc3339(state.began)},
              {"candidate", to_json(state.candidate)},
              {"baseline", to_json(state.baseline)},
              {"routeGeneration", state.route_generation},
              {"stableCrashes", state.stable_crashes},
              {"stableCrashed", rfc3339(state.stable_crashed)},
              {"canaryCrashes", state.canary_crashes},
              {"stable", to_json(state.stable)},
              {"canary", to_json(state.canary)},
              {"blocks", state.blocks},
              {"skipped", state.skipped},
              {"measured", rfc3339(state.measured)},
              {"verdict", state.verdict},
              {"replay", to_json(state.replay)},
              {"reason", state.reason},
              {"evidence", state.evidence},
              {"driver", state.driver},
              {"heartbeat", rfc3339(state.heartbeat)},
              {"pause", Json()},
              {"events", events},
              {"plan", to_json(state.plan)},
              {"block", state.block ? to_json(*state.block) : Json()},
              {"gateway", state.gateway ? to_json(*state.gateway) : Json()},
              {"judge", judge_json(state.judge)}};
  if (state.pause)
    out["pause"] = {{"by", state.pause->by}, {"reason", state.pause->reason}, {"since", rfc3339(state.pause->since)}};
  return out;
}

Result<RolloutState> parse_rollout(const Json& value) {
  const auto name = text_field(value, "phase");
  const auto phase = std::find_if(phases.begin(), phases.end(), [&](const auto& one) { return name == one.name; });
  RolloutState state;
  auto plan = plan_from(field(value, "plan"));
  const auto step = number_field(value, "step");
  if (phase == phases.end() || !plan || step < 0 || static_cast<std::size_t>(step) >= plan->config.steps.size())
    return Error{Error::Kind::corrupt, "what the cluster remembers of the rollout is not readable", ""};
  state.plan = std::move(*plan);
  state.phase = phase->phase;
  state.step = static_cast<std::size_t>(step);
  state.weight = std::clamp(real_field(value, "weight"), 0.0, 1.0);
  state.replicas = std::max<std::int64_t>(number_field(value, "replicas"), 0);
  state.since = time_of(value, "since");
  state.began = time_of(value, "began");
  state.candidate = serves_from(field(value, "candidate"));
  state.baseline = serves_from(field(value, "baseline"));
  state.route_generation = number_field(value, "routeGeneration");
  state.stable_crashes = number_field(value, "stableCrashes", -1);
  state.stable_crashed = time_of(value, "stableCrashed");
  state.canary_crashes = number_field(value, "canaryCrashes");
  state.stable = totals_from(field(value, "stable"));
  state.canary = totals_from(field(value, "canary"));
  state.blocks = static_cast<std::size_t>(std::max<std::int64_t>(number_field(value, "blocks"), 0));
  state.skipped = static_cast<std::size_t>(std::max<std::int64_t>(number_field(value, "skipped"), 0));
  state.measured = time_of(value, "measured");
  state.verdict = text_field(value, "verdict");
  state.replay = replay_from(field(value, "replay"));
  state.reason = text_field(value, "reason");
  state.evidence = text_field(value, "evidence");
  state.driver = text_field(value, "driver");
  state.heartbeat = time_of(value, "heartbeat");
  if (const Json& pause = field(value, "pause"); pause.is_object())
    state.pause = Pause{text_field(pause, "by"), text_field(pause, "reason"), time_of(pause, "since")};
  for (const auto& event : field(value, "events"))
    state.events.push_back({time_of(event, "when"), text_field(event, "what")});
  if (const Json& block = field(value, "block"); block.is_object()) state.block = block_from(block);
  if (const Json& gateway = field(value, "gateway"); gateway.is_object()) state.gateway = gateway_from(gateway);
  if (const Json& judge = field(value, "judge"); judge.is_object()) state.judge = judge.dump();
  return state;
}

}  // namespace mlctl::deploy
