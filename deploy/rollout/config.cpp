#include "deploy/rollout/config.h"

#include <algorithm>
#include <string>

#include "base/config.h"
#include "base/units.h"

namespace mlctl::deploy {
namespace {

constexpr std::chrono::seconds least_block{4};
constexpr std::size_t most_steps = 20;
constexpr double least_weight = 0.001;
constexpr std::int64_t most_requests = 1'000'000'000;

Error at(const Node& node, const std::string& message, const std::string& hint) {
  return {Error::Kind::usage, (node.position.line > 0 ? to_string(node.position) + ": " : "") + message, hint};
}

Result<std::vector<RolloutStep>> decode_steps(const Node& root) {
  const Node* list = find_path(root, "rollout.steps");
  std::vector<RolloutStep> steps;
  if (list == nullptr || list->items.empty())
    return at(list != nullptr ? *list : root, "rollout.steps is empty", "the last step is `{weight: 100%}`");
  if (list->items.size() > most_steps)
    return at(*list, "rollout.steps has more than " + std::to_string(most_steps) + " steps", "");
  for (const auto& item : list->items) {
    RolloutStep step;
    step.weight = get_number(item, "weight").value_or(1);
    step.hold = get_duration(item, "for").value_or(Duration::zero());
    const auto least = get_integer(item, "minRequests").value_or(0);
    if (least < 0) return at(item, "minRequests is below 0", "");
    if (least > most_requests) return at(item, "minRequests is above " + std::to_string(most_requests), "");
    step.min_requests = static_cast<std::uint64_t>(least);
    if (step.weight < least_weight)
      return at(item, "weight: 0.1% at least, so that a gateway's whole numbers can say it", "e.g. 1%");
    if (!steps.empty() && step.weight <= steps.back().weight)
      return at(item, "every step of a rollout has more weight than the one before", "e.g. 5%, 25%, 50%, 100%");
    steps.push_back(step);
  }
  if (steps.back().weight < 1)
    return at(list->items.back(), "the last step of a rollout is 100%", "add `{weight: 100%}`");
  return steps;
}

// `section` may be missing: the rule stays as it is. The last ratio holds for every further step.
Status decode_rule(const Node* section, const std::string& path, std::size_t judged, MetricRule& rule) {
  static const Node nothing;
  const Node& root = section != nullptr ? *section : nothing;
  rule.worse = get_number(root, "worse").value_or(rule.worse);
  if (const auto floor = get_number(root, "floor")) rule.floor = floor;
  const Node* ratios = root.find("ratio");
  if (ratios != nullptr && ratios->kind == Node::Kind::list) {
    rule.ratios.clear();
    for (const auto& item : ratios->items)
      if (const auto ratio = parse_number(item.text)) rule.ratios.push_back(*ratio);
  }
  const Node& place = ratios != nullptr ? *ratios : root;
  if (rule.worse > most_ratio) return at(place, path + ".worse is above 1000: nothing would fail", "e.g. 1.5");
  if (rule.worse < 1) return at(place, path + ".worse is below 1: an equal version would fail", "e.g. 1.5");
  if (rule.floor && (*rule.floor <= 0 || *rule.floor >= 1)) return at(place, path + ".floor: above 0%, below 100%", "");
  if (rule.ratios.empty()) return at(place, path + ".ratio is empty", "e.g. [5, 3, 2]");
  for (const double ratio : rule.ratios)
    if (ratio < least_ratio || ratio > most_ratio)
      return at(place, path + ".ratio: every one is 1.1 to 1000",
                "nearer to 1 no test ends: it takes ever more requests");
  if (!std::is_sorted(rule.ratios.rbegin(), rule.ratios.rend()))
    return at(place, path + ".ratio: it loosens from one step to the next", "e.g. [5, 3, 2]");
  rule.ratios.resize(std::max(judged, std::size_t{1}), rule.ratios.back());
  return ok();
}

Result<std::vector<UserMetric>> decode_metrics(const Node& root, std::size_t judged) {
  std::vector<UserMetric> out;
  const Node* list = find_path(root, "rollout.judge.metrics");
  if (list == nullptr) return out;
  if (list->items.size() > most_metrics)
    return at(*list, "rollout.judge.metrics has more than " + std::to_string(most_metrics) + " metrics",
              "the more are judged, the longer each takes");
  for (const auto& item : list->items) {
    UserMetric metric{{get_string(item, "name").value_or(""), 1.5, std::nullopt, {5, 3, 2}},
                      get_string(item, "good").value_or(""),
                      get_string(item, "total").value_or("")};
    const auto same = [&](const UserMetric& other) { return other.rule.name == metric.rule.name; };
    if (metric.rule.name.starts_with("latency"))
      return at(item, "rollout.judge.metrics: names that begin with `latency` are the judge's own",
                "e.g. `slow " + metric.rule.name + "`");
    if (metric.rule.name == "errors" || std::any_of(out.begin(), out.end(), same))
      return at(item, "rollout.judge.metrics has '" + metric.rule.name + "' already", "give it another name");
    if (auto good = decode_rule(&item, "rollout.judge.metrics", judged, metric.rule); !good) return good.error();
    out.push_back(std::move(metric));
  }
  return out;
}

}  // namespace

const char* to_string(LowTraffic how) {
  return how == LowTraffic::time ? "time" : how == LowTraffic::replay ? "replay" : "pause";
}

Result<RolloutConfig> decode_rollout(const Node& root) {
  RolloutConfig config;
  auto steps = decode_steps(root);
  if (!steps) return steps.error();
  config.steps = std::move(*steps);
  const auto judged = config.steps.size() - 1;
  for (const auto& [path, rule] :
       {std::pair{"rollout.judge.errors", &config.errors}, {"rollout.judge.latency", &config.latency}})
    if (auto good = decode_rule(find_path(root, path), path, judged, *rule); !good) return good.error();
  auto metrics = decode_metrics(root, judged);
  if (!metrics) return metrics.error();
  config.metrics = std::move(*metrics);
  config.block = get_duration(root, "rollout.judge.block").value_or(config.block);
  if (config.block < least_block)
    return at(*find_path(root, "rollout.judge.block"), "rollout.judge.block is at least 4s: four scrapes", "e.g. 60s");
  config.extend = get_duration(root, "rollout.inconclusive.extend").value_or(config.extend);
  config.abort_when_undecided = get_string(root, "rollout.inconclusive.then").value_or("pause") == "abort";
  const auto low = get_string(root, "rollout.low_traffic").value_or("pause");
  config.low_traffic = low == "time" ? LowTraffic::time : low == "replay" ? LowTraffic::replay : LowTraffic::pause;
  config.replay_rate = get_number(root, "rollout.replay.rate").value_or(config.replay_rate);
  if (config.replay_rate < least_replay_rate || config.replay_rate > most_replay_rate)
    return at(*find_path(root, "rollout.replay.rate"), "rollout.replay.rate: 1/s to 100/s",
              "they go through the API server");
  config.drain = get_duration(root, "rollout.drain.timeout").value_or(config.drain);
  config.look_around = get_duration(root, "rollout.look_around").value_or(config.look_around);
  return config;
}

}  // namespace mlctl::deploy
