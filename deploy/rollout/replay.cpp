#include "deploy/rollout/replay.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/interrupt.h"
#include "base/terminal.h"
#include "deploy/cluster/fields.h"
#include "deploy/rollout/blocks.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;

constexpr double unequal = 2;            // rollout.md, rule 17
constexpr double unlike = 0.2;           // difference of the shares of replayed requests, from where mixtures differ
constexpr double enough_answers{20};     // that tell whether replaying works
constexpr std::size_t stable_least = 2;  // pods of stable: they are compared with each other too
constexpr std::chrono::seconds answer_patience{10};
constexpr std::uint64_t answer_limit = 1U << 20U;
constexpr std::uint64_t status_limit = 64U << 10U;  // of what the API server itself says

std::size_t bytes_of(const std::vector<std::string>& bodies) {
  std::size_t sum = 0;
  for (const auto& body : bodies) sum += body.size();
  return sum;
}

// Pods that the open block counts, in the order of their names: the same ones as long as they are there.
std::vector<std::string> counted(const ArmCounters& from, const ArmCounters& last,
                                 const std::vector<std::string>& broken, std::size_t most) {
  std::vector<std::string> out;
  for (const auto& [pod, counters] : last) {
    const bool is_broken = std::find(broken.begin(), broken.end(), pod) != broken.end();
    if (from.count(pod) != 0 && !is_broken && out.size() < most) out.push_back(pod);
  }
  return out;
}

std::vector<std::string> chosen_pods(const OpenBlock& block) {
  const auto canary = counted(block.canary, block.last_canary, block.broken, block.last_canary.size());
  if (canary.empty()) return {};
  const auto stable = counted(block.stable, block.last_stable, block.broken, std::max(canary.size(), stable_least));
  if (stable.empty()) return {};
  std::vector<std::string> out;
  for (std::size_t i = 0; i < std::max(canary.size(), stable.size()); ++i) {
    if (i < stable.size()) out.push_back(stable[i]);
    if (i < canary.size()) out.push_back(canary[i]);
  }
  return out;
}

double grown(const ArmCounters& from, const ArmCounters& to) {
  double sum = 0;
  for (const auto& [pod, after] : to)
    if (const auto before = from.find(pod); before != from.end())
      sum += std::max(0.0, after.requests - before->second.requests);
  return sum;
}

void see_people(RolloutState& state) {
  const auto& block = *state.block;
  const auto seconds = static_cast<double>((state.measured - block.from).count());
  if (block.scrapes < 1 || seconds <= 0) return;
  double own = 0;
  for (const auto& [pod, counters] : block.replayed) own += counters.requests;
  const double all = grown(block.stable, block.last_stable) + grown(block.canary, block.last_canary);
  state.replay.people = std::max(0.0, all - own) / seconds;
}

std::vector<std::string> kept_bodies(const RolloutLive& live, const RolloutState& state) {
  std::vector<std::string> out;
  const Json* kept = live.find("ControllerRevision", live.state.model.name + "-" + state.candidate.revision);
  if (kept == nullptr) return out;
  std::size_t bytes = 0;
  for (const auto& body : field(field(*kept, "data"), "replay")) {
    if (!body.is_string() || out.size() == most_replay_bodies) continue;
    bytes += body.get_ref<const std::string&>().size();
    if (bytes <= most_replay_bytes) out.push_back(body.get<std::string>());
  }
  return out;
}

// The API server says with a Status why it did not bring a request to the pod.
bool is_from_server(const ApiAnswer& answer) {
  if (answer.status < 400 || answer.body.size() > status_limit || !answer.body.starts_with('{')) return false;
  return text_field(Json::parse(answer.body, nullptr, false), "kind") == "Status";
}

// What could not be delivered is no evidence; why stands in the status.
void take_result(const Cluster& cluster, const ApiRequest& request, const Result<ApiAnswer>& answer,
                 const std::string& pod, RolloutState& state) {
  if (answer && !is_from_server(*answer)) return take_answer(state, pod, answer->status);
  ++state.replay.lost;
  state.replay.trouble = answer ? error_of(cluster, request, *answer).message : answer.error().message;
}

double requests_in(const PodCounts& pod) {
  return pod.metrics.empty() ? 0 : pod.metrics.front().requests;
}

// What one arm's pods were asked by us, beside all that they were asked, per pod.
struct Load {
  double whole = 0, replayed = 0, pods = 0;
  [[nodiscard]] double share() const { return whole > 0 ? replayed / whole : 0; }
  [[nodiscard]] double per_pod() const { return pods > 0 ? whole / pods : 0; }
};

// Takes the replayed requests out of `pods`, and returns them by themselves.
std::vector<PodCounts> take_replayed(std::vector<PodCounts>& pods, const ArmCounters& replayed, Load& load) {
  std::vector<PodCounts> out;
  for (auto& pod : pods) {
    const auto asked = replayed.find(pod.pod);
    if (asked == replayed.end() || asked->second.metrics.empty() || pod.metrics.empty()) continue;
    auto& all = pod.metrics.front();
    const double errors = difference(RawCount{}, asked->second.metrics.front()).events;
    // The pod's own counters count: it may know nothing of an answer that was seen, or of its status.
    const ArmCounts own{std::min(asked->second.requests, all.requests), std::min(errors, all.events)};
    ++load.pods;
    load.whole += requests_in(pod);
    load.replayed += own.requests;
    PodCounts part = pod;
    part.metrics.front() = own;
    all.requests -= own.requests;
    all.events = std::min(all.events - own.events, all.requests);
    for (std::size_t i = 1; i < pod.metrics.size(); ++i) pod.metrics[i] = {};
    out.push_back(std::move(part));
  }
  return out;
}

std::string arm_problem(const ReplayedArm& asked, const ArmTotals& counted, const std::string& version,
                        const RolloutState& state) {
  if (asked.answered < enough_answers) return "";
  const auto answered = count_text(static_cast<std::uint64_t>(asked.answered), "replayed request");
  if (asked.refused > asked.answered / 2)
    return version + " refuses " + std::to_string(static_cast<std::uint64_t>(asked.refused)) + " of " + answered +
           " with 4xx: they say nothing of it";
  if (state.blocks > 0 && counted.requests <= 0)
    return "pods of " + version + " answered " + answered + " and do not count them as " +
           state.plan.counting.names.requests;
  return "";
}

}  // namespace

Result<std::vector<std::string>> bounded_bodies(const std::vector<std::string>& bodies) {
  for (std::size_t n = std::min(bodies.size(), most_replay_bodies); n > 0; --n) {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < n; ++i) out.push_back(bodies[i * bodies.size() / n]);
    if (bytes_of(out) <= most_replay_bytes) return out;
  }
  if (bodies.empty())
    return Error{Error::Kind::usage, "low_traffic: replay needs recorded requests, and there are none",
                 "`gate: {parity: {cases: golden.json}}` names golden cases; else use `low_traffic: pause` or `time`"};
  return Error{Error::Kind::usage,
               "low_traffic: replay: the first golden case alone is larger than " + human_bytes(most_replay_bytes),
               "smaller batches in gate.parity.cases, or `low_traffic: pause` or `time`"};
}

ReplayBatch begin_replay(RolloutState& state) {
  const bool measuring = state.phase == Phase::measuring && !state.pause && state.block;
  const bool seen = state.measured == state.heartbeat;
  if (state.plan.config.low_traffic != LowTraffic::replay || state.plan.infer_port <= 0 || !measuring || !seen)
    return {};
  see_people(state);
  const double rate = state.plan.config.replay_rate - state.replay.people;
  ReplayBatch batch{chosen_pods(*state.block), 0, next_look(state)};
  if (rate <= 0 || batch.pods.empty()) return {};
  const double window = std::chrono::duration<double>(batch.window).count();
  state.replay.owed = std::min(state.replay.owed, 1.0) + rate * window / static_cast<double>(batch.pods.size());
  batch.rounds = static_cast<std::size_t>(state.replay.owed);
  state.replay.owed -= static_cast<double>(batch.rounds);
  state.replay.open = !batch.empty();
  return batch;
}

void send_replay(const RolloutSeams& seams, const RolloutLive& live, const ReplayBatch& batch, RolloutState& state) {
  const auto bodies = kept_bodies(live, state);
  auto& replay = state.replay;
  replay.open = false;
  if (bodies.empty()) {
    replay.trouble = "the recorded requests are not kept any more";
    return;
  }
  replay.trouble.clear();
  const auto& model = live.state.model.name;
  const auto began = seams.clock.steady();
  for (std::size_t round = 0; round < batch.rounds; ++round) {
    seams.clock.sleep_until(began +
                            batch.window * static_cast<std::int64_t>(round) / static_cast<std::int64_t>(batch.rounds));
    // Pods that answer slowly are not asked more at once: what is late is left out.
    if (interrupted() || seams.clock.steady() - began >= batch.window) return;
    const auto& body = bodies[replay.next++ % bodies.size()];
    replay.next %= bodies.size();
    std::vector<ApiRequest> requests;
    for (const auto& pod : batch.pods)
      requests.push_back({.method = "POST",
                          .path = "/api/v1/namespaces/" + live.state.name_space + "/pods/" + pod + ":" +
                                  std::to_string(state.plan.infer_port) + "/proxy/v2/models/" + model + "/infer",
                          .body = body,
                          .content_type = "application/json",
                          .about = "a replayed request to pod " + pod,
                          .again = false,
                          .as_it_comes = true,
                          .patience = answer_patience,
                          .limit = answer_limit});
    const auto answers = seams.cluster.send(requests, {});
    for (std::size_t i = 0; i < answers.size(); ++i)
      take_result(seams.cluster, requests[i], answers[i], batch.pods[i], state);
  }
}

void take_answer(RolloutState& state, const std::string& pod, int status) {
  if (!state.block) return;
  auto& arm = state.block->canary.count(pod) != 0 ? state.replay.canary : state.replay.stable;
  ++arm.answered;
  arm.refused += status >= 400 && status < 500 ? 1 : 0;
  auto& counters = state.block->replayed[pod];
  if (counters.metrics.empty() || !counters.metrics.front()) counters.metrics.assign(1, RawCount{});
  auto& errors = *counters.metrics.front();
  ++counters.requests;
  ++errors.total;
  errors.good += status >= 500 ? 0 : 1;
}

void close_replay(RolloutState& state) {
  if (state.replay.open) state.block.reset();
  state.replay.open = false;
}

std::vector<JudgeBlock> parted(JudgeBlock whole, const ArmCounters& replayed) {
  if (replayed.empty()) return {std::move(whole)};
  Load stable, canary;
  JudgeBlock own{take_replayed(whole.stable, replayed, stable), take_replayed(whole.canary, replayed, canary)};
  const bool loaded_alike =
      stable.per_pod() <= unequal * canary.per_pod() && canary.per_pod() <= unequal * stable.per_pod();
  const bool mixed_alike = std::abs(stable.share() - canary.share()) <= unlike;
  std::size_t metrics = 1;
  for (auto* arm : {&own.stable, &own.canary})
    for (auto& pod : *arm) {
      metrics = std::max(metrics, pod.metrics.size());
      const bool overload = canary.per_pod() > unequal * stable.per_pod();
      for (std::size_t i = 1; i < pod.metrics.size(); ++i)
        if (overload || !mixed_alike) pod.metrics[i] = {};
    }
  own.comparable.assign(metrics, loaded_alike && mixed_alike);
  own.comparable.front() = true;
  return {std::move(whole), std::move(own)};
}

std::string replay_problem(const RolloutState& state) {
  const auto& replay = state.replay;
  const auto stable = arm_problem(replay.stable, state.stable, state.baseline.version, state);
  return stable.empty() ? arm_problem(replay.canary, state.canary, state.candidate.version, state) : stable;
}

std::string by_replay(const RolloutState& state) {
  const auto requests = static_cast<std::uint64_t>(state.canary.requests);
  const auto replayed = std::min(static_cast<std::uint64_t>(state.replay.canary.answered), requests);
  return replayed == 0
             ? ""
             : "; replayed: " + std::to_string(replayed) + " of " + count_text(requests, "request") + " at the canary";
}

std::string replayed_steps(const RolloutState& state) {
  if (state.replay.passed == 0) return "";
  return std::to_string(state.replay.passed) + " of " + count_text(state.plan.config.steps.size() - 1, "judged step") +
         " passed with replayed requests, not with production traffic alone";
}

ExpectedTraffic expected_traffic(const RolloutPlan& plan, std::size_t step, double people) {
  const double weight = plan.config.steps[step].weight;
  const double own =
      plan.config.low_traffic == LowTraffic::replay ? std::max(0.0, plan.config.replay_rate - people) : 0;
  const auto pods = static_cast<double>(replicas_for(weight, plan.replicas));
  const double beside = std::min(static_cast<double>(plan.replicas), std::max<double>(pods, stable_least));
  const double rate = people + own;
  return {rate, rate > 0 ? (people * weight + own * pods / (pods + beside)) / rate : weight};
}

}  // namespace mlctl::deploy
