#include "deploy/rollout/prometheus.h"

#include "deploy/rollout/blocks.h"
#include "registry/remote_http.h"

namespace mlctl::deploy {
namespace {

std::string seconds_text(double seconds) {
  return std::to_string(seconds);
}

}  // namespace

Result<std::string> prometheus_get(const RolloutSeams& seams, const std::string& endpoint,
                                   const std::vector<std::pair<std::string, std::string>>& query) {
  const auto& where = *seams.prometheus;
  if (!where.url.empty()) return seams.fetch(registry::with_query(where.url + "/api/v1/" + endpoint, query));
  auto answer = send_one(seams.cluster, {.path = "/api/v1/namespaces/" + where.name_space + "/services/" +
                                                 where.service + ":" + where.port + "/proxy/api/v1/" + endpoint,
                                         .query = query,
                                         .about = "Prometheus " + where.name_space + "/" + where.service});
  if (!answer) return answer.error();
  return std::move(answer->body);
}

std::string query_of(const RolloutLive& live, const Counting& counting, const std::vector<std::string>& revisions) {
  std::vector<std::string> prefixes;
  for (const auto& revision : revisions) prefixes.push_back(live.state.model.name + "-" + revision);
  return instant_query(counting.names, live.state.name_space, prefixes);
}

Result<std::vector<std::vector<PodCounts>>> read_history(const RolloutSeams& seams, const RolloutLive& live,
                                                         const RolloutPlan& plan) {
  if (!seams.prometheus || !live.state.stable) return std::vector<std::vector<PodCounts>>();
  const double step = std::chrono::duration<double>(plan.config.block).count();
  const double end = std::chrono::duration<double>(live.now.time_since_epoch()).count();
  const double start = end - step * static_cast<double>(history_blocks);
  const auto body = prometheus_get(seams, "query_range",
                                   {{"query", query_of(live, plan.counting, {live.state.stable->revision})},
                                    {"start", seconds_text(start)},
                                    {"end", seconds_text(end)},
                                    {"step", seconds_text(step)}});
  if (!body) return body.error();
  const auto points = parse_range(*body, plan.counting.names, start, step, history_blocks + 1);
  if (!points) return points.error();
  std::vector<ArmCounters> counters;
  for (const auto& point : *points) {
    auto& arm = counters.emplace_back();
    for (const auto& [pod, sample] : point) arm[pod] = counters_of(sample, plan.edge);
  }
  return blocks_between(counters);
}

}  // namespace mlctl::deploy
