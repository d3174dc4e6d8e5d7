// A judge's state as JSON: what whoever takes over a rollout goes on from.
#include <cmath>
#include <nlohmann/json.hpp>

#include "deploy/judge/judge.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::json;

struct Slot {
  const char* name;
  RatioProcess MetricState::* process;
};
constexpr Slot slots[] = {{"failWhole", &MetricState::fail_whole}, {"failStep", &MetricState::fail_step},
                          {"passWhole", &MetricState::pass_whole}, {"passStep", &MetricState::pass_step},
                          {"firstHalf", &MetricState::first_half}, {"secondHalf", &MetricState::second_half}};

// Finite and not negative; nothing else has ever been counted.
std::optional<double> count_of(const Json& value, const char* key) {
  const auto found = value.find(key);
  if (found == value.end() || !found->is_number()) return std::nullopt;
  const double number = found->get<double>();
  return std::isfinite(number) && number >= 0 ? std::optional(number) : std::nullopt;
}

bool restore(RatioProcess& process, const Json& parent, const char* key) {
  const auto found = parent.find(key);
  if (found == parent.end() || !found->is_array()) return false;
  std::vector<double> numbers;
  for (const auto& one : *found) {
    if (!one.is_number()) return false;
    numbers.push_back(one.get<double>());
  }
  return process.restore(numbers);
}

bool restore(MetricState& state, const Json& from) {
  if (!from.is_object()) return false;
  for (const auto& slot : slots)
    if (!restore(state.*slot.process, from, slot.name)) return false;
  const auto without = from.find("failWithout");
  if (without == from.end() || !without->is_object()) return false;
  for (const auto& [pod, numbers] : without->items())
    if (!restore(state.fail_without.emplace(pod, state.fail_whole).first->second, *without, pod.c_str())) return false;
  const auto requests = count_of(from, "requests"), events = count_of(from, "events"),
             spread = count_of(from, "spread"), blocks = count_of(from, "spreadBlocks");
  if (!requests || !events || !spread || !blocks) return false;
  state.canary = {*requests, *events};
  state.spread = *spread;
  state.spread_blocks = static_cast<std::size_t>(*blocks);
  return true;
}

}  // namespace

nlohmann::ordered_json Judge::state() const {
  nlohmann::ordered_json metrics = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < metrics_.size(); ++i) {
    const auto& state = metrics_[i];
    nlohmann::ordered_json one = {{"name", rules_.metrics[i].name}};
    for (const auto& slot : slots) one[slot.name] = (state.*slot.process).accumulators();
    one["failWithout"] = nlohmann::ordered_json::object();
    for (const auto& [pod, process] : state.fail_without) one["failWithout"][pod] = process.accumulators();
    one["requests"] = state.canary.requests;
    one["events"] = state.canary.events;
    one["spread"] = state.spread;
    one["spreadBlocks"] = state.spread_blocks;
    metrics.push_back(std::move(one));
  }
  return {{"step", step_}, {"pods", pods_}, {"metrics", metrics}};
}

Result<Judge> Judge::restored(JudgeRules rules, const Json& state) {
  const Error other{Error::Kind::corrupt, "what the judge knew is not readable, or was known by other rules", ""};
  Judge judge(std::move(rules));
  if (!state.is_object()) return other;
  const auto step = count_of(state, "step"), pods = count_of(state, "pods");
  const auto metrics = state.find("metrics");
  if (!step || *step > 1000 || !pods || metrics == state.end() || !metrics->is_array() ||
      metrics->size() != judge.metrics_.size())
    return other;
  judge.begin_step(static_cast<std::size_t>(*step));
  judge.pods_ = static_cast<std::size_t>(*pods);
  for (std::size_t i = 0; i < judge.metrics_.size(); ++i) {
    const Json& one = metrics->at(i);
    const auto name = one.is_object() ? one.find("name") : one.end();
    if (!one.is_object() || name == one.end() || *name != judge.rules_.metrics[i].name ||
        !restore(judge.metrics_[i], one))
      return other;
  }
  return judge;
}

}  // namespace mlctl::deploy
