#include "deploy/rollout/gateway.h"

#include <array>
#include <cmath>
#include <utility>

#include "base/terminal.h"
#include "deploy/judge/ratio.h"
#include "deploy/rollout/prometheus.h"
#include "deploy/rollout/series.h"

namespace mlctl::deploy {
namespace {

constexpr const char* arm_label = "mlctl_arm";
constexpr double alpha = 0.01;
constexpr double bursts = 3;  // failures of a gateway come together: a backend that goes fails whatever is on its way

struct Named {
  const char* name;
  GatewayMetrics metrics;
};
const std::array<Named, 1>& gateways() {
  static const std::array<Named, 1> table{{{"traefik",
                                            {"traefik_service_requests_total", "code", "service",
                                             ".*-svc-{namespace}-{service}-[0-9]+@kubernetesgateway"}}}};
  return table;
}

std::string filled(std::string pattern, const std::string& name_space, const std::string& service) {
  for (const auto& [what, with] :
       {std::pair<std::string, std::string>{"{namespace}", name_space}, {"{service}", service}})
    for (auto at = pattern.find(what); at != std::string::npos; at = pattern.find(what, at + with.size()))
      pattern.replace(at, what.size(), with);
  return pattern;
}

std::string arm_query(const GatewayMetrics& gateway, const std::string& pattern, const char* arm) {
  return "label_replace(sum by (" + gateway.code_label + ") (" + gateway.requests + "{" + gateway.service_label +
         "=~\"" + promql_text(pattern) + "\"}), \"" + arm_label + "\", \"" + arm + "\", \"\", \"\")";
}

bool fell(const ArmCounts& before, const ArmCounts& after) {
  return after.requests < before.requests || after.events < before.events;
}

ArmCounts minus(const ArmCounts& after, const ArmCounts& before) {
  return {after.requests - before.requests, after.events - before.events};
}

void add(ArmCounts& sum, const ArmCounts& more) {
  sum.requests += more.requests;
  sum.events += more.events;
}

std::string said(const ArmCounts& arm, const char* name) {
  return std::to_string(static_cast<std::uint64_t>(arm.events)) + " of " +
         count_text(static_cast<std::uint64_t>(arm.requests), "request") + " to " + name;
}

}  // namespace

std::vector<std::string> gateway_names() {
  std::vector<std::string> out;
  for (const auto& one : gateways()) out.emplace_back(one.name);
  return out;
}

const GatewayMetrics* find_gateway(const std::string& name) {
  for (const auto& one : gateways())
    if (name == one.name) return &one.metrics;
  return nullptr;
}

std::string gateway_query(const GatewayMetrics& gateway, const std::string& name_space,
                          const std::string& stable_service, const std::string& canary_service) {
  return arm_query(gateway, filled(gateway.pattern, name_space, stable_service), "stable") + " or " +
         arm_query(gateway, filled(gateway.pattern, name_space, canary_service), "canary");
}

Result<BlockCounts> parse_gateway(std::string_view body, const GatewayMetrics& gateway) {
  const auto all = parse_vector(body);
  if (!all) return all.error();
  BlockCounts out;
  for (const auto& series : *all) {
    if (!is_count(series.value))
      return Error{Error::Kind::corrupt, "what Prometheus has of the gateway is no counter", ""};
    auto& arm = label(series, arm_label) == "canary" ? out.canary : out.stable;
    const auto code = label(series, gateway.code_label);
    arm.requests += series.value;
    if (code == "502" || code == "503" || code == "504") arm.events += series.value;
  }
  return out;
}

Result<BlockCounts> read_gateway(const RolloutSeams& seams, const RolloutLive& live, const RolloutState& rollout) {
  const auto services = pod_prefixes(live, {rollout.baseline.revision, rollout.candidate.revision});
  const auto& gateway = *rollout.plan.gateway;
  const auto body = prometheus_get(
      seams, "query", {{"query", gateway_query(gateway, live.state.name_space, services[0], services[1])}});
  if (!body) return body.error();
  return parse_gateway(*body, gateway);
}

std::string take_gateway(RolloutState& state, const BlockCounts& now) {
  const bool first = !state.gateway;
  if (first) state.gateway.emplace();
  auto& gateway = *state.gateway;
  const auto before = std::exchange(gateway.last, now);
  // A replica of the gateway that went took its counts along: a break, and not a zero.
  if (first || fell(before.stable, now.stable) || fell(before.canary, now.canary)) return "";
  const BlockCounts since{minus(now.stable, before.stable), minus(now.canary, before.canary)};
  add(gateway.since.stable, since.stable);
  add(gateway.since.canary, since.canary);
  auto process = RatioProcess::refutes_at_most(state.plan.config.errors.worse);
  static_cast<void>(process.restore(gateway.process));  // nothing yet, or another grid's: from the start
  process.add(since, bursts);
  gateway.process = process.accumulators();
  if (since.canary.events <= 0) return "";
  // At 100 % stable could not have any: then there is nothing to compare one failure with.
  const bool stable_fails = state.plan.gateway_failed_before || gateway.since.stable.events > 0 || state.weight >= 1;
  if (stable_fails && process.log_value() < -std::log(alpha)) return "";
  return "the gateway answered 502, 503 or 504 to " + said(gateway.since.canary, "the canary") + ", and to " +
         said(gateway.since.stable, "stable");
}

}  // namespace mlctl::deploy
