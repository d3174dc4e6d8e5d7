#include "deploy/rollout/user_metrics.h"

#include <cmath>

#include "base/terminal.h"
#include "deploy/rollout/prometheus.h"
#include "deploy/rollout/series.h"

namespace mlctl::deploy {
namespace {

constexpr const char* counter_label = "mlctl_counter";

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
  return text;
}

// On lines of its own: it may end in a comment.
std::string marked(const std::string& expression, const char* counter) {
  return "label_replace((\n" + expression + "\n), \"" + counter_label + "\", \"" + counter + "\", \"\", \"\")";
}

Status add(const Series& series, double value, PodRawCounts& totals, PodRawCounts& goods) {
  const auto pod = label(series, "pod");
  if (pod.empty())
    return Error{Error::Kind::corrupt, "what it yields has no label `pod`", "`sum by (pod) (…)` keeps it"};
  if (!is_count(value))
    return Error{Error::Kind::corrupt, "what it yields for pod " + escape_control(pod) + " is no counter",
                 "counters that only rise, without rate() or increase(): they are differenced here"};
  auto& into = label(series, counter_label) == "total" ? totals : goods;
  into[pod].total += value;
  return ok();
}

PodRawCounts together(const PodRawCounts& totals, const PodRawCounts& goods) {
  PodRawCounts out;
  for (const auto& [pod, count] : totals) {
    const auto good = goods.find(pod);
    out[pod] = {count.total, good == goods.end() ? 0 : good->second.total};
  }
  return out;
}

}  // namespace

std::string metric_query(const UserMetric& metric, const std::string& name_space,
                         const std::vector<std::string>& pods) {
  std::string names;
  for (const auto& prefix : pods) names += (names.empty() ? "" : "|") + promql_regex(prefix) + "-.*";
  const auto whole = [&](const std::string& expression) {
    return replaced(replaced(expression, "{namespace}", promql_text(name_space)), "{pods}", names);
  };
  return marked(whole(metric.good), "good") + " or " + marked(whole(metric.total), "total");
}

Result<PodRawCounts> parse_metric(std::string_view body) {
  const auto all = parse_vector(body);
  if (!all) return all.error();
  PodRawCounts totals, goods;
  for (const auto& series : *all)
    if (auto added = add(series, series.value, totals, goods); !added) return added.error();
  return together(totals, goods);
}

Result<std::vector<PodRawCounts>> parse_metric_range(std::string_view body, double start, double step,
                                                     std::size_t points) {
  const auto all = parse_matrix(body, start, step, points);
  if (!all) return all.error();
  std::vector<PodRawCounts> totals(points), goods(points), out;
  for (const auto& one : *all)
    for (const auto& [place, value] : one.values)
      if (auto added = add(one.series, value, totals[place], goods[place]); !added) return added.error();
  for (std::size_t i = 0; i < points; ++i) out.push_back(together(totals[i], goods[i]));
  return out;
}

Result<PodRawCounts> read_metric(const RolloutSeams& seams, const RolloutLive& live, const UserMetric& metric,
                                 const std::vector<std::string>& revisions) {
  const std::string about = "metric " + escape_control(metric.rule.name);
  if (!seams.prometheus)
    return Error{Error::Kind::usage, about + ": the environment has no `prometheus:` to ask",
                 "`cluster: {prometheus: {service: NAMESPACE/NAME:PORT}}`"};
  const auto query = metric_query(metric, live.state.name_space, pod_prefixes(live, revisions));
  const auto body = prometheus_get(seams, "query", {{"query", query}});
  if (!body) return body.error().context(about);
  auto counts = parse_metric(*body);
  return counts ? std::move(counts) : counts.error().context(about);
}

}  // namespace mlctl::deploy
