#include "deploy/rollout/prometheus.h"

#include "deploy/rollout/blocks.h"
#include "deploy/rollout/user_metrics.h"
#include "registry/remote_http.h"

namespace mlctl::deploy {
namespace {

struct Grid {
  double start = 0, step = 0;  // Unix seconds, seconds
  std::size_t points = 0;
};

Result<std::string> get_range(const RolloutSeams& seams, const std::string& query, const Grid& grid) {
  const double end = grid.start + grid.step * static_cast<double>(grid.points - 1);
  const auto ask = [&] {
    return prometheus_get(seams, "query_range",
                          {{"query", query},
                           {"start", std::to_string(grid.start)},
                           {"end", std::to_string(end)},
                           {"step", std::to_string(grid.step)}});
  };
  auto body = ask();
  // No later look asks for it again.
  return body || body.error().kind != Error::Kind::timeout ? body : ask();
}

std::optional<std::vector<PodRawCounts>> metric_history(const RolloutSeams& seams, const std::string& query,
                                                        const Grid& grid) {
  const auto body = get_range(seams, query, grid);
  if (!body) return std::nullopt;
  auto points = parse_metric_range(*body, grid.start, grid.step, grid.points);
  return points ? std::optional(std::move(*points)) : std::nullopt;
}

// Of every point; a pod that nobody knows it of has none.
void add_metric(std::vector<ArmCounters>& points, const std::optional<std::vector<PodRawCounts>>& metric) {
  for (std::size_t i = 0; i < points.size(); ++i)
    for (auto& [pod, counters] : points[i]) {
      counters.metrics.emplace_back();
      if (!metric) continue;
      if (const auto found = (*metric)[i].find(pod); found != (*metric)[i].end())
        counters.metrics.back() = found->second;
    }
}

}  // namespace

Result<std::string> prometheus_get(const RolloutSeams& seams, const std::string& endpoint,
                                   const std::vector<std::pair<std::string, std::string>>& query) {
  const auto& where = *seams.prometheus;
  if (!where.url.empty()) return seams.fetch(registry::with_query(where.url + "/api/v1/" + endpoint, query));
  auto answer = send_one(seams.cluster, {.path = "/api/v1/namespaces/" + where.name_space + "/services/" +
                                                 where.service + ":" + where.port + "/proxy/api/v1/" + endpoint,
                                         .query = query,
                                         .about = "Prometheus " + where.name_space + "/" + where.service,
                                         .as_it_comes = true,
                                         .patience = patience_with_counters});
  if (!answer) return answer.error();
  return std::move(answer->body);
}

std::vector<std::string> pod_prefixes(const RolloutLive& live, const std::vector<std::string>& revisions) {
  std::vector<std::string> out;
  for (const auto& revision : revisions) out.push_back(live.state.model.name + "-" + revision);
  return out;
}

std::string query_of(const RolloutLive& live, const Counting& counting, const std::vector<std::string>& revisions) {
  return instant_query(counting.names, live.state.name_space, pod_prefixes(live, revisions));
}

Result<std::vector<std::vector<PodCounts>>> read_history(const RolloutSeams& seams, const RolloutLive& live,
                                                         const RolloutPlan& plan) {
  if (!seams.prometheus || !live.state.stable) return std::vector<std::vector<PodCounts>>();
  const std::vector<std::string> revisions{live.state.stable->revision};
  Grid grid{0, std::chrono::duration<double>(plan.config.block).count(), history_blocks + 1};
  grid.start = std::chrono::duration<double>(live.now.time_since_epoch()).count() -
               grid.step * static_cast<double>(history_blocks);
  const auto body = get_range(seams, query_of(live, plan.counting, revisions), grid);
  if (!body) return body.error();
  const auto points = parse_range(*body, plan.counting.names, grid.start, grid.step, grid.points);
  if (!points) return points.error();
  std::vector<ArmCounters> counters;
  for (const auto& point : *points) {
    auto& arm = counters.emplace_back();
    for (const auto& [pod, sample] : point) arm[pod] = counters_of(sample, plan.edge);
  }
  for (const auto& metric : plan.config.metrics)
    add_metric(counters,
               metric_history(seams, metric_query(metric, live.state.name_space, pod_prefixes(live, revisions)), grid));
  return blocks_between(counters);
}

}  // namespace mlctl::deploy
