#include "deploy/judge/judge.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "base/terminal.h"

namespace mlctl::deploy {
namespace {

constexpr std::size_t pods_left_out = 32;  // of a canary: of more pods the first ones are left out in turn

ArmCounts sum(const std::vector<PodCounts>& pods, std::size_t metric, const std::string& without = {}) {
  ArmCounts out;
  for (const auto& pod : pods) {
    if (!without.empty() && pod.pod == without) continue;
    out.requests += pod.metrics[metric].requests;
    out.events += pod.metrics[metric].events;
  }
  return out;
}

// Every second pod in the order of their names: the same halves as long as the pods are the same.
BlockCounts halves(const std::vector<PodCounts>& stable, std::size_t metric) {
  std::vector<const PodCounts*> pods;
  for (const auto& pod : stable) pods.push_back(&pod);
  std::sort(pods.begin(), pods.end(), [](const auto* a, const auto* b) { return a->pod < b->pod; });
  BlockCounts out;
  for (std::size_t i = 0; i < pods.size(); ++i) {
    auto& half = i % 2 == 0 ? out.stable : out.canary;
    half.requests += pods[i]->metrics[metric].requests;
    half.events += pods[i]->metrics[metric].events;
  }
  return out;
}

BlockCounts swapped(const BlockCounts& block) {
  return {block.canary, block.stable};
}

// The 10 % quantile of chi-squared with n degrees of freedom. (Wilson and Hilferty 1931; within 2 % from n = 5 on)
double low_chi_squared(double n) {
  constexpr double z = -1.2815515655446004;
  const double a = 2 / (9 * n);
  return n * std::pow(1 - a + z * std::sqrt(a), 3);
}

std::string percent(double share) {  // three digits tell enough
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3g", share * 100);
  return std::string(text.data()) + " %";
}

std::string times(double ratio) {
  std::string text = std::to_string(ratio);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

}  // namespace

const char* to_string(JudgeVerdict verdict) {
  switch (verdict) {
    case JudgeVerdict::undecided:
      return "undecided";
    case JudgeVerdict::pass:
      return "pass";
    case JudgeVerdict::fail:
      return "fail";
    case JudgeVerdict::environment:
      return "environment";
  }
  return "";
}

Judge::Judge(JudgeRules rules) : rules_(std::move(rules)) {
  for (const auto& rule : rules_.metrics) {
    const auto fail = RatioProcess::refutes_at_most(rule.worse);
    const auto pass = RatioProcess::refutes_at_least(rule.ratios.empty() ? rule.worse : rule.ratios.front());
    metrics_.push_back({fail, fail, pass, pass, {}, fail, fail, {}, 0, 0});
  }
}

// What was seen before says something about the new step's ratio too, but not through another ratio's process: the
// whole of it begins anew with each step that has a ratio of its own.
void Judge::begin_step(std::size_t step) {
  step_ = step;
  for (std::size_t i = 0; i < metrics_.size(); ++i) {
    const auto& rule = rules_.metrics[i];
    metrics_[i].fail_step = RatioProcess::refutes_at_most(rule.worse);
    if (step >= rule.ratios.size()) continue;
    metrics_[i].pass_step = RatioProcess::refutes_at_least(rule.ratios[step]);
    if (step > 0 && rule.ratios[step] == rule.ratios[step - 1]) continue;
    metrics_[i].pass_whole = metrics_[i].pass_step;
  }
}

void Judge::add_history(const std::vector<PodCounts>& stable) {
  for (std::size_t i = 0; i < metrics_.size(); ++i) add_spread(i, stable);
}

// Only blocks before this one tell how much to temper it by: a block must not choose its own weight.
void Judge::add(const JudgeBlock& block) {
  pods_ = block.canary.size();
  for (std::size_t i = 0; i < metrics_.size(); ++i) {
    add_metric(i, block);
    add_spread(i, block.stable);
  }
}

void Judge::add_metric(std::size_t metric, const JudgeBlock& block) {
  auto& state = metrics_[metric];
  const double tempered = dispersion(metric);
  const BlockCounts all{sum(block.stable, metric), sum(block.canary, metric)};
  for (const auto& pod : block.canary)
    if (state.fail_without.size() < pods_left_out) state.fail_without.emplace(pod.pod, state.fail_whole);
  for (auto& [pod, process] : state.fail_without) process.add({all.stable, sum(block.canary, metric, pod)}, tempered);
  for (auto* process : {&state.fail_whole, &state.fail_step}) process->add(all, tempered);
  if (metric >= block.comparable.size() || block.comparable[metric])
    for (auto* process : {&state.pass_whole, &state.pass_step}) process->add(all, tempered);
  const auto split = halves(block.stable, metric);
  state.first_half.add(split, tempered);
  state.second_half.add(swapped(split), tempered);
  state.canary.requests += all.canary.requests;
  state.canary.events += all.canary.events;
}

// Under binomial splitting the square has mean 1, whatever the rate is and however few events there are.
void Judge::add_spread(std::size_t metric, const std::vector<PodCounts>& stable) {
  const auto split = halves(stable, metric);
  const double events = split.stable.events + split.canary.events;
  const double requests = split.stable.requests + split.canary.requests;
  const double share = requests > 0 ? split.canary.requests / requests : 0;
  if (events < 1 || !(share > 0) || !(share < 1)) return;
  const double difference = split.canary.events - events * share;
  metrics_[metric].spread += difference * difference / (events * share * (1 - share));
  ++metrics_[metric].spread_blocks;
}

double Judge::dispersion(std::size_t metric) const {
  const auto& state = metrics_[metric];
  if (state.spread_blocks < rules_.dispersion_blocks) return rules_.unknown_dispersion;
  return std::max(rules_.least_dispersion, state.spread / low_chi_squared(static_cast<double>(state.spread_blocks)));
}

bool Judge::fails(std::size_t metric) const {
  const auto& state = metrics_[metric];
  const auto& rule = rules_.metrics[metric];
  const double alpha = rules_.alpha / static_cast<double>(metrics_.size());
  const double wanted = -std::log(alpha);
  if (pods_ < 2) return false;  // one pod may be a bad node
  if (log_average(state.fail_whole.log_value(), state.fail_step.log_value()) < wanted) return false;
  for (const auto& [pod, process] : state.fail_without)
    if (process.log_value() < wanted) return false;
  return !rule.floor || rate_is_above(state.canary.requests, state.canary.events, *rule.floor, alpha);
}

// Before the last step that is judged, what cannot be more than the step's ratio of the floor may go on: a service that
// hardly ever fails would otherwise wait longest (docs/decisions/0010).
std::optional<double> Judge::good_enough(std::size_t metric) const {
  const auto& rule = rules_.metrics[metric];
  if (!rule.floor) return std::nullopt;
  return step_ + 1 < rule.ratios.size() ? std::min(*rule.floor * rule.ratios[step_], 0.5) : *rule.floor;
}

bool Judge::passes(std::size_t metric) const {
  const auto& state = metrics_[metric];
  const auto& rule = rules_.metrics[metric];
  const auto limit = good_enough(metric);
  if (limit && rate_is_below(state.canary.requests, state.canary.events, *limit, rules_.beta)) return true;
  if (step_ >= rule.ratios.size()) return false;
  return log_average(state.pass_whole.log_value(), state.pass_step.log_value()) >= -std::log(rules_.beta);
}

std::vector<Evidence> Judge::evidence() const {
  std::vector<Evidence> out;
  const double alpha = rules_.alpha / static_cast<double>(std::max<std::size_t>(metrics_.size(), 1));
  for (std::size_t i = 0; i < metrics_.size(); ++i) {
    const auto& state = metrics_[i];
    const auto& rule = rules_.metrics[i];
    Evidence one{rule.name, log_average(state.fail_whole.log_value(), state.fail_step.log_value()) / -std::log(alpha),
                 log_average(state.pass_whole.log_value(), state.pass_step.log_value()) / -std::log(rules_.beta)};
    const auto& canary = state.canary;
    const auto limit = good_enough(i);
    if (limit && canary.requests > 0 && canary.events < *limit * canary.requests)
      one.pass = std::max(one.pass, log_rate_value(canary.requests, canary.events, *limit) / std::log(rules_.beta));
    out.push_back(std::move(one));
  }
  return out;
}

Judgement Judge::judge(const std::vector<bool>& required) const {
  const double alpha = rules_.alpha / static_cast<double>(std::max<std::size_t>(metrics_.size(), 1));
  for (std::size_t i = 0; i < metrics_.size(); ++i) {
    const auto& state = metrics_[i];
    if (log_average(state.first_half.log_value(), state.second_half.log_value()) >= -std::log(alpha))
      return {JudgeVerdict::environment,
              rules_.metrics[i].name + ": the stable pods differ among themselves as much as a bad canary would"};
  }
  for (std::size_t i = 0; i < metrics_.size(); ++i)
    if (fails(i)) {
      const auto& rule = rules_.metrics[i];
      const auto& canary = metrics_[i].canary;
      return {JudgeVerdict::fail, rule.name + ": more than " + times(rule.worse) +
                                      " times the stable arm's, certain at " + percent(alpha) + "; " +
                                      percent(canary.events / canary.requests) + " of " +
                                      count_text(static_cast<std::uint64_t>(canary.requests), "request")};
    }
  for (std::size_t i = 0; i < metrics_.size(); ++i)
    if ((i >= required.size() || required[i]) && !passes(i))
      return {JudgeVerdict::undecided, rules_.metrics[i].name + ": not enough was seen to decide"};
  return {JudgeVerdict::pass, "no metric is worse"};
}

}  // namespace mlctl::deploy
