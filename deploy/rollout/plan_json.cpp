#include "deploy/rollout/plan_json.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/document.h"
#include "deploy/cluster/fields.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;

double seconds_of(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}
Duration duration_of(const Json& value, const char* key) {
  return std::chrono::nanoseconds(std::llround(std::clamp(real_field(value, key), 0.0, 1e8) * 1e9));
}

Json to_json(const MetricRule& rule) {
  return {{"worse", rule.worse}, {"floor", rule.floor ? Json(*rule.floor) : Json()}, {"ratio", rule.ratios}};
}
void read(const Json& value, MetricRule& rule) {
  rule.worse = real_field(value, "worse");
  rule.floor = field(value, "floor").is_number() ? std::optional(real_field(value, "floor")) : std::nullopt;
  rule.ratios.clear();
  for (const auto& one : field(value, "ratio"))
    if (one.is_number()) rule.ratios.push_back(one.get<double>());
}

bool is_sound(const MetricRule& rule) {
  const bool floor = !rule.floor || (*rule.floor > 0 && *rule.floor < 1);
  return rule.worse >= 1 && rule.worse <= most_ratio && floor && !rule.ratios.empty() &&
         std::all_of(rule.ratios.begin(), rule.ratios.end(),
                     [](double ratio) { return ratio >= least_ratio && ratio <= most_ratio; });
}
// What decode_rollout would have made: a state that somebody edited may divide by nothing.
bool is_sound(const RolloutPlan& plan) {
  const auto& config = plan.config;
  const auto weighs = [](const RolloutStep& step) { return step.weight > 0 && step.weight <= 1; };
  return !config.steps.empty() && std::all_of(config.steps.begin(), config.steps.end(), weighs) &&
         config.block >= std::chrono::seconds(1) && plan.replicas >= 1 && plan.edge >= 0 && is_sound(config.errors) &&
         is_sound(config.latency) &&
         std::all_of(config.metrics.begin(), config.metrics.end(), [](const auto& one) { return is_sound(one.rule); });
}

Json metrics_json(const std::vector<UserMetric>& metrics) {
  Json out = Json::array();
  for (const auto& metric : metrics) {
    Json one = {{"name", metric.rule.name}, {"good", metric.good}, {"total", metric.total}};
    one.update(to_json(metric.rule));
    out.push_back(std::move(one));
  }
  return out;
}
std::vector<UserMetric> metrics_from(const Json& value) {
  std::vector<UserMetric> out;
  for (const auto& one : value) {
    auto& metric = out.emplace_back();
    metric = {{.name = text_field(one, "name")}, text_field(one, "good"), text_field(one, "total")};
    read(one, metric.rule);
  }
  return out;
}

Json gateway_json(const GatewayMetrics& gateway) {
  return {{"requests", gateway.requests},
          {"code", gateway.code_label},
          {"service", gateway.service_label},
          {"pattern", gateway.pattern}};
}

}  // namespace

Json to_json(const RolloutPlan& plan) {
  const auto& config = plan.config;
  const auto& names = plan.counting.names;
  Json steps = Json::array();
  for (const auto& step : config.steps)
    steps.push_back({{"weight", step.weight}, {"for", seconds_of(step.hold)}, {"minRequests", step.min_requests}});
  return {{"steps", steps},
          {"errors", to_json(config.errors)},
          {"latency", to_json(config.latency)},
          {"metrics", metrics_json(config.metrics)},
          {"block", seconds_of(config.block)},
          {"extend", seconds_of(config.extend)},
          {"abortWhenUndecided", config.abort_when_undecided},
          {"lowTraffic", to_string(config.low_traffic)},
          {"replayRate", config.replay_rate},
          {"inferPort", plan.infer_port},
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
            {"at", plan.counting.path}}},
          {"gateway", plan.gateway ? gateway_json(*plan.gateway) : Json()},
          {"gatewayFailedBefore", plan.gateway_failed_before}};
}

std::optional<RolloutPlan> plan_from(const Json& value) {
  RolloutPlan plan;
  auto& config = plan.config;
  config.steps.clear();
  for (const auto& step : field(value, "steps"))
    config.steps.push_back({real_field(step, "weight"), duration_of(step, "for"),
                            static_cast<std::uint64_t>(std::max<std::int64_t>(number_field(step, "minRequests"), 0))});
  read(field(value, "errors"), config.errors);
  read(field(value, "latency"), config.latency);
  config.metrics = metrics_from(field(value, "metrics"));
  config.block = duration_of(value, "block");
  config.extend = duration_of(value, "extend");
  config.abort_when_undecided = field(value, "abortWhenUndecided") == true;
  for (const auto how : {LowTraffic::time, LowTraffic::replay})
    if (text_field(value, "lowTraffic") == to_string(how)) config.low_traffic = how;
  if (const double rate = real_field(value, "replayRate"); rate > 0)
    config.replay_rate = std::clamp(rate, least_replay_rate, most_replay_rate);
  plan.infer_port = static_cast<int>(std::clamp<std::int64_t>(number_field(value, "inferPort"), 0, 65'535));
  config.drain = duration_of(value, "drain");
  config.look_around = duration_of(value, "lookAround");
  plan.edge = real_field(value, "edge");
  plan.replicas = number_field(value, "replicas", 1);
  if (field(value, "stableMin").is_number()) plan.stable_min = number_field(value, "stableMin", 1);
  const Json& counting = field(value, "counting");
  plan.counting = {{text_field(counting, "requests"), text_field(counting, "code"), text_field(counting, "latency"),
                    text_field(counting, "path"), text_field(counting, "pathPart")},
                   static_cast<int>(number_field(counting, "port")),
                   text_field(counting, "at")};
  if (const Json& gateway = field(value, "gateway"); gateway.is_object())
    plan.gateway = GatewayMetrics{text_field(gateway, "requests"), text_field(gateway, "code"),
                                  text_field(gateway, "service"), text_field(gateway, "pattern")};
  plan.gateway_failed_before = field(value, "gatewayFailedBefore") == true;
  if (!is_sound(plan)) return std::nullopt;
  return plan;
}

std::optional<std::size_t> latency_in(const RolloutPlan& plan) {
  return plan.edge > 0 ? std::optional<std::size_t>(1) : std::nullopt;
}

std::size_t first_of_users(const RolloutPlan& plan) {
  return plan.edge > 0 ? 2 : 1;
}

JudgeRules rules_of(const RolloutPlan& plan) {
  JudgeRules rules{.metrics = {plan.config.errors}};
  if (latency_in(plan)) {
    rules.metrics.push_back(plan.config.latency);
    rules.metrics.back().name =
        "latency above " + human_duration(std::chrono::nanoseconds(std::llround(plan.edge * 1e9)));
  }
  for (const auto& metric : plan.config.metrics) rules.metrics.push_back(metric.rule);
  return rules;
}

}  // namespace mlctl::deploy
