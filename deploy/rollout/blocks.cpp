#include "deploy/rollout/blocks.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "deploy/rollout/replay.h"

namespace mlctl::deploy {
namespace {

constexpr int scrapes_in_block = 4;
constexpr double unequal_load = 2;  // rollout.md, rule 17

bool fell(const PodCounters& before, const PodCounters& after) {
  if (after.requests < before.requests || after.metrics.size() != before.metrics.size()) return true;
  for (std::size_t i = 0; i < after.metrics.size(); ++i) {
    const auto &was = before.metrics[i], &is = after.metrics[i];
    if (was && is && (is->total < was->total || is->good < was->good)) return true;
  }
  return false;
}

// A counter that fell or is gone breaks its pod's block: a reset is not a zero.
void follow(const ArmCounters& seen, ArmCounters& last, std::vector<std::string>& broken) {
  for (const auto& [pod, counters] : last) {
    const auto now = seen.find(pod);
    if (now != seen.end() && !fell(counters, now->second)) continue;
    if (std::find(broken.begin(), broken.end(), pod) == broken.end()) broken.push_back(pod);
  }
  last = seen;
}

std::vector<PodCounts> differences(const ArmCounters& from, const ArmCounters& to,
                                   const std::vector<std::string>& broken) {
  std::vector<PodCounts> out;
  for (const auto& [pod, before] : from) {
    const auto after = to.find(pod);
    if (after == to.end() || std::find(broken.begin(), broken.end(), pod) != broken.end()) continue;
    if (fell(before, after->second)) continue;
    PodCounts counts{pod, {}};
    for (std::size_t i = 0; i < before.metrics.size(); ++i)
      counts.metrics.push_back(difference(before.metrics[i], after->second.metrics[i]));
    out.push_back(std::move(counts));
  }
  return out;
}

double requests_in(const std::vector<PodCounts>& pods) {
  double sum = 0;
  for (const auto& pod : pods) sum += pod.metrics.empty() ? 0 : pod.metrics.front().requests;
  return sum;
}

void add_to(ArmTotals& totals, const std::vector<PodCounts>& pods) {
  totals.requests += requests_in(pods);
  for (const auto& pod : pods) {
    totals.metrics.resize(std::max(totals.metrics.size(), pod.metrics.size()));
    for (std::size_t i = 0; i < pod.metrics.size(); ++i) {
      totals.metrics[i].requests += pod.metrics[i].requests;
      totals.metrics[i].events += pod.metrics[i].events;
    }
  }
}

double per_pod(const std::vector<PodCounts>& pods) {
  return pods.empty() ? 0 : requests_in(pods) / static_cast<double>(pods.size());
}

Judge judge_of(const RolloutState& state) {
  const auto rules = rules_of(state.plan);
  const auto known = nlohmann::json::parse(state.judge, nullptr, false);
  if (auto judge = Judge::restored(rules, known)) return std::move(*judge);
  Judge judge(rules);
  judge.begin_step(state.step);
  return judge;
}

// Load changes latency, and no other metric.
JudgeBlock judged(const OpenBlock& block, const RolloutPlan& plan) {
  JudgeBlock out{differences(block.stable, block.last_stable, block.broken),
                 differences(block.canary, block.last_canary, block.broken)};
  const auto latency = latency_in(plan);
  if (!latency) return out;
  const double stable = per_pod(out.stable), canary = per_pod(out.canary);
  out.comparable.assign(rules_of(plan).metrics.size(), true);
  out.comparable[*latency] = stable <= unequal_load * canary && canary <= unequal_load * stable;
  // A canary that has more to do than stable is slower without being worse: then latency says nothing at all.
  if (canary > unequal_load * stable)
    for (auto* arm : {&out.stable, &out.canary})
      for (auto& pod : *arm) pod.metrics[*latency] = {};
  return out;
}

// Why latency could not be compared in this step, by the loads of its pods; "": it could.
std::string unlike_loads(const RolloutState& state) {
  if (!state.block || state.block->stable.empty() || state.block->canary.empty()) return "";
  const double stable = state.stable.requests / static_cast<double>(state.block->stable.size());
  const double canary = state.canary.requests / static_cast<double>(state.block->canary.size());
  if (stable <= unequal_load * canary && canary <= unequal_load * stable) return "";
  const bool more = canary > stable;
  const double times = more ? canary / std::max(stable, 1.0) : stable / std::max(canary, 1.0);
  return std::string("a pod of ") + (more ? "the canary" : "stable") + " has " +
         std::to_string(static_cast<std::int64_t>(std::min(times, 1e6))) + " times the requests of one of " +
         (more ? "stable" : "the canary") + ", so that latency is not comparable";
}

bool counts_complete(const ArmCounters& arm, std::size_t metrics) {
  return std::all_of(arm.begin(), arm.end(), [&](const auto& pod) { return pod.second.metrics.size() == metrics; });
}

}  // namespace

void take_scrape(RolloutState& state, const Observation& seen) {
  const auto metrics = rules_of(state.plan).metrics.size();
  if (!counts_complete(seen.stable_counters, metrics) || !counts_complete(seen.canary_counters, metrics)) return;
  state.measured = seen.now;
  if (!state.block) {
    state.block = OpenBlock{
        seen.now, seen.stable_counters, seen.canary_counters, seen.stable_counters, seen.canary_counters, 0, {}};
    return;
  }
  OpenBlock& block = *state.block;
  follow(seen.stable_counters, block.last_stable, block.broken);
  follow(seen.canary_counters, block.last_canary, block.broken);
  ++block.scrapes;
  if (state.phase != Phase::measuring || seen.now - block.from < state.plan.config.block ||
      block.scrapes < scrapes_in_block)
    return;
  const JudgeBlock whole = judged(block, state.plan);
  if (!whole.stable.empty() && !whole.canary.empty()) {
    Judge judge = judge_of(state);
    for (const auto& part : parted(whole, block.replayed)) judge.add(part);
    state.judge = judge.state().dump();
    add_to(state.stable, differences(block.stable, block.last_stable, block.broken));
    add_to(state.canary, differences(block.canary, block.last_canary, block.broken));
    ++state.blocks;
  }
  // The grid goes on where it was, whoever looks and however late.
  const auto length = std::chrono::ceil<std::chrono::seconds>(state.plan.config.block);
  const auto from = block.from + length * ((seen.now - block.from) / length);
  state.block =
      OpenBlock{from, seen.stable_counters, seen.canary_counters, seen.stable_counters, seen.canary_counters, 0, {}};
}

Judgement judgement_of(const RolloutState& state) {
  // Latency has to pass where the arms can be loaded alike: at the last weight that is judged. Before it, it passes
  // where it can, and fails wherever it does (docs/decisions/0009).
  std::vector<bool> required(rules_of(state.plan).metrics.size(), true);
  if (const auto latency = latency_in(state.plan))
    required[*latency] = state.step + 2 >= state.plan.config.steps.size();
  if (state.blocks == 0) return {JudgeVerdict::undecided, "no whole block yet"};
  auto judgement = judge_of(state).judge(required);
  if (const auto latency = latency_in(state.plan);
      latency && judgement.verdict == JudgeVerdict::undecided &&
      judgement.reason.starts_with(rules_of(state.plan).metrics[*latency].name))
    if (const auto unlike = unlike_loads(state); !unlike.empty()) judgement.reason += ": " + unlike;
  return judgement;
}

std::vector<Evidence> evidence_of(const RolloutState& state) {
  return judge_of(state).evidence();
}

void begin_judging(RolloutState& state) {
  Judge judge = judge_of(state);
  judge.begin_step(state.step);
  state.judge = judge.state().dump();
  state.blocks = 0;
  state.stable = state.canary = {};
  state.replay.stable = state.replay.canary = {};
  state.replay.lost = 0;
  state.block.reset();
}

PodCounters counters_of(const PodSample& sample, double edge) {
  PodCounters out{sample.requests, {RawCount{sample.requests, sample.requests - sample.errors}}};
  if (edge <= 0) return out;
  const auto all = sample.buckets.find(std::numeric_limits<double>::infinity());
  const auto below = sample.buckets.find(edge);
  const bool known = all != sample.buckets.end() && below != sample.buckets.end();
  out.metrics.emplace_back(known ? RawCount{all->second, std::min(below->second, all->second)}
                                 : RawCount{sample.requests, sample.requests});
  return out;
}

ArmCounts difference(const std::optional<RawCount>& before, const std::optional<RawCount>& after) {
  if (!before || !after) return {};
  const double total = after->total - before->total;
  return {total, std::clamp(total - (after->good - before->good), 0.0, total)};
}

std::vector<std::vector<PodCounts>> blocks_between(const std::vector<ArmCounters>& points) {
  std::vector<std::vector<PodCounts>> out;
  for (std::size_t i = 1; i < points.size(); ++i)
    if (auto pods = differences(points[i - 1], points[i], {}); !pods.empty()) out.push_back(std::move(pods));
  return out;
}

double requests_of(const ArmCounters& arm) {
  double sum = 0;
  for (const auto& [pod, counters] : arm) sum += counters.requests;
  return sum;
}

Followed followed(const OpenBlock& block) {
  const auto grown = [](const ArmCounters& from, const ArmCounters& to) {
    double sum = 0;
    for (const auto& [pod, after] : to) {
      const auto before = from.find(pod);
      sum += std::max(0.0, after.requests - (before == from.end() ? 0 : before->second.requests));
    }
    return sum;
  };
  const double stable = grown(block.stable, block.last_stable), canary = grown(block.canary, block.last_canary);
  return {stable + canary, stable + canary > 0 ? canary / (stable + canary) : 0};
}

}  // namespace mlctl::deploy
