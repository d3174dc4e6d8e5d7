#include "deploy/rollout/state.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/document.h"
#include "deploy/cluster/fields.h"

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

// Finite, else 0: what a person edits into nonsense counts as nothing.
double real(const Json& value, const char* key) {
  const Json& found = field(value, key);
  const double number = found.is_number() ? found.get<double>() : 0;
  return std::isfinite(number) ? number : 0;
}

double seconds_of(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}
Duration duration_of(const Json& value, const char* key) {
  return std::chrono::nanoseconds(std::llround(std::clamp(real(value, key), 0.0, 1e8) * 1e9));
}

WallTime time_of(const Json& value, const char* key) {
  const auto time = parse_rfc3339(text_field(value, key));
  return time && is_sensible(*time) ? *time : WallTime{};
}

Json to_json(const MetricRule& rule) {
  return {{"worse", rule.worse}, {"floor", rule.floor ? Json(*rule.floor) : Json()}, {"ratio", rule.ratios}};
}
void read(const Json& value, MetricRule& rule) {
  rule.worse = real(value, "worse");
  rule.floor = field(value, "floor").is_number() ? std::optional(real(value, "floor")) : std::nullopt;
  rule.ratios.clear();
  for (const auto& one : field(value, "ratio"))
    if (one.is_number()) rule.ratios.push_back(one.get<double>());
}

Json to_json(const RolloutPlan& plan) {
  const auto& config = plan.config;
  const auto& names = plan.counting.names;
  Json steps = Json::array();
  for (const auto& step : config.steps)
    steps.push_back({{"weight", step.weight}, {"for", seconds_of(step.hold)}, {"minRequests", step.min_requests}});
  return {{"steps", steps},
          {"errors", to_json(config.errors)},
          {"latency", to_json(config.latency)},
          {"block", seconds_of(config.block)},
          {"extend", seconds_of(config.extend)},
          {"abortWhenUndecided", config.abort_when_undecided},
          {"lowTraffic", to_string(config.low_traffic)},
          {"drain", seconds_of(config.drain)},
          {"lookAround", seconds_of(config.look_around)},
          {"edge", plan.edge},
          {"replicas", plan.replicas},
          {"stableMin", plan.stable_min ? Json(*plan.stable_min) : Json()},
          {"counting",
           {{"requests", names.requests},
            {"code", names.code_label},
            {"latency", names.latency},
            {"path", names.path_label},
            {"pathPart", names.path_part},
            {"port", plan.counting.port},
            {"at", plan.counting.path}}}};
}

RolloutPlan plan_from(const Json& value) {
  RolloutPlan plan;
  auto& config = plan.config;
  config.steps.clear();
  for (const auto& step : field(value, "steps"))
    config.steps.push_back({real(step, "weight"), duration_of(step, "for"),
                            static_cast<std::uint64_t>(std::max<std::int64_t>(number_field(step, "minRequests"), 0))});
  read(field(value, "errors"), config.errors);
  read(field(value, "latency"), config.latency);
  config.block = duration_of(value, "block");
  config.extend = duration_of(value, "extend");
  config.abort_when_undecided = field(value, "abortWhenUndecided") == true;
  config.low_traffic = text_field(value, "lowTraffic") == "time" ? LowTraffic::time : LowTraffic::pause;
  config.drain = duration_of(value, "drain");
  config.look_around = duration_of(value, "lookAround");
  plan.edge = real(value, "edge");
  plan.replicas = number_field(value, "replicas", 1);
  if (field(value, "stableMin").is_number()) plan.stable_min = number_field(value, "stableMin", 1);
  const Json& counting = field(value, "counting");
  plan.counting = {{text_field(counting, "requests"), text_field(counting, "code"), text_field(counting, "latency"),
                    text_field(counting, "path"), text_field(counting, "pathPart")},
                   static_cast<int>(number_field(counting, "port")),
                   text_field(counting, "at")};
  return plan;
}

bool is_sound(const MetricRule& rule) {
  const bool floor = !rule.floor || (*rule.floor > 0 && *rule.floor < 1);
  return rule.worse >= 1 && floor && !rule.ratios.empty() &&
         std::all_of(rule.ratios.begin(), rule.ratios.end(), [](double ratio) { return ratio > 1; });
}
// What decode_rollout would have made: a state that somebody edited may divide by nothing.
bool is_sound(const RolloutPlan& plan) {
  const auto& config = plan.config;
  return !config.steps.empty() && config.block >= std::chrono::seconds(1) && plan.replicas >= 1 && plan.edge >= 0 &&
         is_sound(config.errors) && is_sound(config.latency);
}

Json to_json(const ArmCounters& arm) {
  Json out = Json::object();
  for (const auto& [pod, counters] : arm) out[pod] = {{"requests", counters.requests}, {"events", counters.events}};
  return out;
}
ArmCounters counters_from(const Json& value) {
  ArmCounters out;
  for (const auto& [pod, one] : value.items()) {
    auto& counters = out[pod];
    counters.requests = real(one, "requests");
    for (const auto& event : field(one, "events"))
      counters.events.push_back(event.is_number() ? event.get<double>() : 0);
  }
  return out;
}

Json to_json(const ArmTotals& arm) {
  return {{"requests", arm.requests}, {"events", arm.events}};
}
ArmTotals totals_from(const Json& value) {
  ArmTotals out{real(value, "requests"), {}};
  for (const auto& event : field(value, "events")) out.events.push_back(event.is_number() ? event.get<double>() : 0);
  return out;
}

Json to_json(const OpenBlock& block) {
  return {{"from", rfc3339(block.from)},
          {"stable", to_json(block.stable)},
          {"canary", to_json(block.canary)},
          {"lastStable", to_json(block.last_stable)},
          {"lastCanary", to_json(block.last_canary)},
          {"scrapes", block.scrapes},
          {"broken", block.broken}};
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
  return block;
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

JudgeRules rules_of(const RolloutPlan& plan) {
  JudgeRules rules{.metrics = {plan.config.errors}};
  if (plan.edge > 0) rules.metrics.push_back(plan.config.latency);
  if (plan.edge > 0)
    rules.metrics.back().name =
        "latency above " + human_duration(std::chrono::nanoseconds(std::llround(plan.edge * 1e9)));
  return rules;
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
              {"canaryCrashes", state.canary_crashes},
              {"stable", to_json(state.stable)},
              {"canary", to_json(state.canary)},
              {"blocks", state.blocks},
              {"measured", rfc3339(state.measured)},
              {"verdict", state.verdict},
              {"reason", state.reason},
              {"evidence", state.evidence},
              {"driver", state.driver},
              {"heartbeat", rfc3339(state.heartbeat)},
              {"pause", Json()},
              {"events", events},
              {"plan", to_json(state.plan)},
              {"block", state.block ? to_json(*state.block) : Json()},
              {"judge", judge_json(state.judge)}};
  if (state.pause)
    out["pause"] = {{"by", state.pause->by}, {"reason", state.pause->reason}, {"since", rfc3339(state.pause->since)}};
  return out;
}

Result<RolloutState> parse_rollout(const Json& value) {
  const auto name = text_field(value, "phase");
  const auto phase = std::find_if(phases.begin(), phases.end(), [&](const auto& one) { return name == one.name; });
  RolloutState state;
  state.plan = plan_from(field(value, "plan"));
  const auto step = number_field(value, "step");
  if (phase == phases.end() || !is_sound(state.plan) || step < 0 ||
      static_cast<std::size_t>(step) >= state.plan.config.steps.size())
    return Error{Error::Kind::corrupt, "what the cluster remembers of the rollout is not readable", ""};
  state.phase = phase->phase;
  state.step = static_cast<std::size_t>(step);
  state.weight = std::clamp(real(value, "weight"), 0.0, 1.0);
  state.replicas = number_field(value, "replicas");
  state.since = time_of(value, "since");
  state.began = time_of(value, "began");
  state.candidate = serves_from(field(value, "candidate"));
  state.baseline = serves_from(field(value, "baseline"));
  state.route_generation = number_field(value, "routeGeneration");
  state.stable_crashes = number_field(value, "stableCrashes", -1);
  state.canary_crashes = number_field(value, "canaryCrashes");
  state.stable = totals_from(field(value, "stable"));
  state.canary = totals_from(field(value, "canary"));
  state.blocks = static_cast<std::size_t>(std::max<std::int64_t>(number_field(value, "blocks"), 0));
  state.measured = time_of(value, "measured");
  state.verdict = text_field(value, "verdict");
  state.reason = text_field(value, "reason");
  state.evidence = text_field(value, "evidence");
  state.driver = text_field(value, "driver");
  state.heartbeat = time_of(value, "heartbeat");
  if (const Json& pause = field(value, "pause"); pause.is_object())
    state.pause = Pause{text_field(pause, "by"), text_field(pause, "reason"), time_of(pause, "since")};
  for (const auto& event : field(value, "events"))
    state.events.push_back({time_of(event, "when"), text_field(event, "what")});
  if (const Json& block = field(value, "block"); block.is_object()) state.block = block_from(block);
  if (const Json& judge = field(value, "judge"); judge.is_object()) state.judge = judge.dump();
  return state;
}

}  // namespace mlctl::deploy
