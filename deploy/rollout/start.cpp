#include "deploy/rollout/start.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/terminal.h"
#include "deploy/cluster/fields.h"
#include "deploy/cluster/live.h"
#include "deploy/cluster/perform.h"
#include "deploy/pod.h"
#include "deploy/rollout/act.h"
#include "deploy/rollout/gateway.h"
#include "deploy/rollout/prometheus.h"
#include "deploy/rollout/replay.h"
#include "deploy/rollout/user_metrics.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;

constexpr double edge_share = 0.05;          // of stable's requests above the edge: often enough to count
constexpr double edge_least_requests = 100;  // that tell where the edge is
constexpr int forecast_blocks = 1440;        // of a minute: a day

struct Traffic {
  double requests = 0, errors = 0, seconds = 0;  // seconds: of the pod that is there longest
  std::map<double, double> buckets;
  std::size_t pods = 0;
};

double age_of(const Json& pod, WallTime now) {  // seconds, 1 at least
  const auto started = parse_rfc3339(text_field(field(pod, "status"), "startTime"));
  return started ? std::max<double>(1, static_cast<double>((now - *started).count())) : 1;
}

Traffic traffic_of(const RolloutLive& live, const std::string& revision,
                   const std::map<std::string, PodSample>& samples) {
  Traffic out;
  double rate = 0;
  for (const Json* pod : pods_of(live, revision)) {
    const auto found = samples.find(key_of(*pod).name);
    if (found == samples.end()) continue;
    ++out.pods;
    out.requests += found->second.requests;
    out.errors += found->second.errors;
    for (const auto& [edge, count] : found->second.buckets) out.buckets[edge] += count;
    rate += found->second.requests / age_of(*pod, live.now);
  }
  out.seconds = rate > 0 ? out.requests / rate : 0;
  return out;
}

// The edge that about one request in twenty is above: where there are more, an edge says less of the tail; where there
// are none, nothing is counted. 0: there is none to choose.
double choose_edge(const Traffic& traffic) {
  const auto all = traffic.buckets.find(std::numeric_limits<double>::infinity());
  if (all == traffic.buckets.end() || all->second < edge_least_requests) return 0;
  double best = 0, distance = std::numeric_limits<double>::infinity();
  for (const auto& [edge, below] : traffic.buckets) {
    if (!std::isfinite(edge) || edge <= 0) continue;
    const double share = std::max(1 - below / all->second, 1e-6);
    if (share > 0.5) continue;
    const double far = std::abs(std::log(share / edge_share));
    if (far < distance) {
      distance = far;
      best = edge;
    }
  }
  return best;
}

using History = std::vector<std::vector<PodCounts>>;

Judge judge_after(const JudgeRules& rules, const History& history) {
  Judge judge(rules);
  for (const auto& block : history) judge.add_history(block);
  return judge;
}

// How stable does: requests a second, the share of errors, and block by block.
struct Stable {
  double rate = 0, error_rate = 0;
  History history;
};

// The judge of one metric on the mean path: blocks of exactly the expected counts.
std::optional<Duration> time_until(JudgeVerdict wanted, const RolloutPlan& plan, const MetricRule& rule,
                                   std::size_t step, double factor, const Stable& stable_arm) {
  const auto [rate, weight] = expected_traffic(plan, step, stable_arm.rate);
  const double error_rate = stable_arm.error_rate;
  Judge judge = judge_after({.metrics = {rule}}, stable_arm.history);
  judge.begin_step(step);
  const double length = std::chrono::duration<double>(plan.config.block).count();
  const auto pods =
      static_cast<int>(std::max<std::int64_t>(replicas_for(plan.config.steps[step].weight, plan.replicas), 1));
  for (int i = 1; i <= forecast_blocks; ++i) {
    JudgeBlock block;
    const double canary = rate * length * weight / pods, stable = rate * length * (1 - weight) / 2;
    for (int pod = 0; pod < 2; ++pod)
      block.stable.push_back({"s" + std::to_string(pod), {{stable, stable * error_rate}}});
    for (int pod = 0; pod < pods; ++pod)
      block.canary.push_back({"c" + std::to_string(pod), {{canary, std::min(canary, canary * error_rate * factor)}}});
    judge.add(block);
    if (judge.judge().verdict == wanted) return plan.config.block * i;
  }
  return std::nullopt;
}

// How stable does by the user's metrics, in their order.
using UserRates = std::vector<Stable>;

// All of them have to pass.
std::optional<Duration> time_to_pass(const RolloutPlan& plan, std::size_t step, const Stable& stable,
                                     const UserRates& rates) {
  auto longest = time_until(JudgeVerdict::pass, plan, plan.config.errors, step, 1, stable);
  for (std::size_t i = 0; i < rates.size() && longest; ++i) {
    const auto time = time_until(JudgeVerdict::pass, plan, plan.config.metrics[i].rule, step, 1, rates[i]);
    longest = time ? std::optional(std::max(*time, *longest)) : std::nullopt;
  }
  return longest;
}

std::vector<StepForecast> forecast_steps(const RolloutPlan& plan, const Stable& stable, const UserRates& rates) {
  const double rate = stable.rate, error_rate = stable.error_rate;
  std::vector<StepForecast> out;
  for (std::size_t i = 0; i + 1 < plan.config.steps.size(); ++i) {
    const auto& step = plan.config.steps[i];
    const auto expected = expected_traffic(plan, i, rate);
    StepForecast one{step.weight, replicas_for(step.weight, plan.replicas), expected.rate * expected.share, {}, {}};
    one.pass = time_to_pass(plan, i, stable, rates);
    // Where stable has no errors, three times as many are none either: what is above the floor counts then.
    const double base = std::max(error_rate, plan.config.errors.floor.value_or(0.001));
    const Stable some{rate, std::max(error_rate, 1e-9), stable.history};
    one.detect = time_until(JudgeVerdict::fail, plan, plan.config.errors, i, 3 * base / some.error_rate, some);
    if (one.pass) {
      one.pass = std::max(*one.pass, step.hold);
      if (one.requests_per_second > 0 && step.min_requests > 0)
        one.pass =
            std::max<Duration>(*one.pass, std::chrono::nanoseconds(std::llround(static_cast<double>(step.min_requests) /
                                                                                one.requests_per_second * 1e9)));
    }
    out.push_back(one);
  }
  return out;
}

Serves candidate_of(const OwnerPlan& owner) {
  return owner.after.stable.value_or(Serves{});
}

std::string replay_note(const RolloutPlan& plan, const RolloutForecast& forecast) {
  std::string out = count_text(forecast.replay.size(), "golden case") + (forecast.replay.size() == 1 ? " is" : " are") +
                    " replayed to pods of both versions, which fills people's traffic up to " +
                    std::to_string(std::llround(plan.config.replay_rate)) +
                    "/s where they answer fast enough; that is not production traffic";
  for (std::size_t i = 0; i < forecast.steps.size(); ++i)
    if (const auto& pass = forecast.steps[i].pass; pass && *pass > plan.config.steps[i].hold + plan.config.extend)
      return out +
             "; a step takes longer than `for` and `inconclusive.extend` together, and pauses then: a higher "
             "replay.rate, a higher floor, or a longer `extend`";
  return out;
}

std::vector<std::string> notes_of(const RolloutPlan& plan, const RolloutForecast& forecast) {
  std::vector<std::string> notes;
  if (plan.replicas < 2)
    notes.push_back(
        "one replica: a single pod may be a bad node, so errors alone never abort this rollout; a crash does");
  if (plan.config.block < least_judged_block)
    notes.push_back("blocks of " + human_duration(plan.config.block) +
                    ": the judge's error rates were measured with 60 s and more");
  if (plan.edge <= 0) notes.push_back("latency is not judged: stable has answered too little to choose an edge from");
  const bool replays = plan.config.low_traffic == LowTraffic::replay;
  if (replays) notes.push_back(replay_note(plan, forecast));
  if (forecast.requests_per_second <= 0 && !replays) notes.push_back("stable has no traffic: nothing can be judged");
  for (const auto& step : forecast.steps)
    if ((forecast.requests_per_second > 0 || replays) && !step.pass) {
      notes.push_back(
          "with this traffic some steps are not decided within a day: more weight, a higher floor, or "
          "`low_traffic: time`");
      break;
    }
  return notes;
}

std::string no_history(const Result<History>& history) {
  const std::string why = history ? "" : ": " + history.error().message;
  return "how much the stable pods differ by themselves is not known from before" + why +
         "; the first blocks count for less until it is";
}

Result<Counting> counting_of(const OwnerPlan& owner) {
  const auto* profile = find_profile(owner.spec->runtime.profile);
  if (profile == nullptr || profile->metrics.requests.empty())
    return Error{Error::Kind::usage,
                 owner.name + ": what runtime '" + owner.spec->runtime.name + "' counts is not known",
                 "`rollout: {strategy: replace}` replaces at once"};
  return Counting{profile->metrics, profile->metrics_port, profile->metrics_path};
}

// What is kept of a revision cannot be changed: what an earlier try left, with an older assignment in it, goes first.
Status keep(const RolloutSeams& seams, const ApiRequest& record, const std::string& path) {
  for (bool again = false;; again = true) {
    auto answers = seams.cluster.send({record}, {});
    if (!answers.front()) return answers.front().error();
    if (is_fine(*answers.front())) return ok();
    if (answers.front()->status != 409 || again) return error_of(seams.cluster, record, *answers.front());
    auto there = send_one(seams.cluster, {.path = path, .about = record.about});
    if (!there) return there.error();
    const auto old = Json::parse(there->body, nullptr, false);
    const Json how = {{"apiVersion", "v1"},
                      {"kind", "DeleteOptions"},
                      {"preconditions", {{"uid", uid_of(old)}, {"resourceVersion", resource_version_of(old)}}}};
    auto removed = seams.cluster.send({{.method = "DELETE",
                                        .path = path,
                                        .body = how.dump(),
                                        .content_type = "application/json",
                                        .about = record.about}},
                                      {});
    if (!removed.front()) return removed.front().error();
  }
}

// How many replicas stable has, and its autoscaler's minimum.
void read_stable(const RolloutLive& live, const Spec& spec, RolloutPlan& plan) {
  const auto name = spec.model.name + "-" + live.state.stable->revision;
  if (const Json* deployment = live.find("Deployment", name))
    plan.replicas = std::max<std::int64_t>(number_field(field(*deployment, "spec"), "replicas", 1), 1);
  plan.replicas = std::clamp<std::int64_t>(plan.replicas, 1, spec.serving.autoscale.max);
  if (const Json* scaler = live.find("HorizontalPodAutoscaler", name))
    plan.stable_min = number_field(field(*scaler, "spec"), "minReplicas", 1);
}

History of_one(const History& all, std::size_t metric) {
  History out = all;
  for (auto& block : out)
    for (auto& pod : block) pod.metrics = {pod.metrics[metric]};
  return out;
}

// Stable by one of the user's metrics, which its pods have to show (rollout.md, rule 15).
Result<Stable> by_metric(const RolloutSeams& seams, const RolloutLive& live, const UserMetric& metric) {
  const auto& stable = *live.state.stable;
  const auto counts = read_metric(seams, live, metric, {stable.revision});
  if (!counts) return counts.error();
  double total = 0, good = 0, rate = 0;
  for (const Json* pod : pods_of(live, stable.revision))
    if (const auto found = counts->find(key_of(*pod).name); found != counts->end()) {
      total += found->second.total;
      good += found->second.good;
      rate += found->second.total / age_of(*pod, live.now);
    }
  if (total > 0 && good > 0) return Stable{rate, std::max(0.0, 1 - good / total), {}};
  return Error{Error::Kind::unavailable,
               "metric " + metric.rule.name + ": its " + (total > 0 ? "`good`" : "`total`") +
                   " counts nothing of the pods of " + stable.version,
               "the label `pod` has the names of pods; `" +
                   metric_query(metric, live.state.name_space, pod_prefixes(live, {stable.revision})) +
                   "` is what Prometheus is asked"};
}

Result<UserRates> by_metrics(const RolloutSeams& seams, const RolloutLive& live, const RolloutPlan& plan,
                             const History& history) {
  UserRates out;
  for (const auto& metric : plan.config.metrics) {
    auto rates = by_metric(seams, live, metric);
    if (!rates) return rates.error();
    rates->history = of_one(history, first_of_users(plan) + out.size());
    out.push_back(std::move(*rates));
  }
  return out;
}

// Where the gateway's counters stand, so that the first requests of the canary are seen already.
std::optional<std::string> read_gateway_before(const RolloutSeams& seams, const RolloutLive& live, const Spec& spec,
                                               RolloutState& state) {
  state.plan.gateway = spec.environment.route->metrics;
  if (!state.plan.gateway)
    return "502, 503 and 504 that only the gateway sees are not counted: `route: {metrics: …}` says how it counts";
  const auto counts = read_gateway(seams, live, state);
  if (!counts) return "what the gateway counts is not known: " + counts.error().message;
  if (counts->stable.requests <= 0)
    return "the gateway counts nothing of " + state.baseline.version + ": is `route.metrics` what it exposes?";
  state.plan.gateway_failed_before = counts->stable.events > 0;
  static_cast<void>(take_gateway(state, *counts));
  return std::nullopt;
}

bool has_ready(const RolloutLive& live, const std::string& revision) {
  const auto pods = pods_of(live, revision);
  return std::any_of(pods.begin(), pods.end(), [](const Json* pod) { return is_ready(*pod); });
}

}  // namespace

Result<RolloutForecast> forecast(const RolloutSeams& seams, const OwnerPlan& owner, const std::string& run,
                                 const std::vector<std::string>& recorded) {
  const Spec& spec = *owner.spec;
  const bool replays = spec.rollout.low_traffic == LowTraffic::replay;
  auto bodies = replays ? bounded_bodies(recorded) : std::vector<std::string>();
  if (!bodies) return bodies.error().context(owner.name);
  if (!spec.environment.route)
    return Error{Error::Kind::usage,
                 owner.name + ": environment " + spec.environment.name + " has no `route:` to shift traffic with",
                 "add `route: {gateway: NAMESPACE/NAME, host: HOST}` to it, or `rollout: {strategy: replace}` to the "
                 "model"};
  auto counting = counting_of(owner);
  if (!counting) return counting.error();
  auto live = look(seams, {spec.model, spec.name_space, spec.environment.name});
  if (!live) return live.error();
  if (live->find("HTTPRoute", spec.model.name) == nullptr)
    return Error{Error::Kind::usage, owner.name + ": its HTTPRoute is not there",
                 "`mlctl apply` of the version that serves makes it"};
  auto samples = read_samples(seams, *live, *counting, {live->state.stable->revision});
  if (!samples) return samples.error().context(owner.name + ": what stable counts cannot be read");
  const auto traffic = traffic_of(*live, live->state.stable->revision, *samples);
  const bool may_show = replays && has_ready(*live, live->state.stable->revision);
  if (traffic.pods == 0 && !may_show)
    return Error{Error::Kind::unavailable,
                 owner.name + ": no pod of " + live->state.stable->version + " shows " + counting->names.requests,
                 "a rollout is judged by it; without any traffic so far, send some, or use `strategy: replace`"};
  RolloutForecast out;
  auto& state = out.state;
  state.candidate = candidate_of(owner);
  state.candidate.run = run;
  state.baseline = *live->state.stable;
  state.plan.config = spec.rollout;
  state.plan.counting = *counting;
  state.plan.infer_port = find_profile(spec.runtime.profile)->http_port;
  out.replay = std::move(*bodies);
  state.plan.edge = choose_edge(traffic);
  read_stable(*live, spec, state.plan);
  state.began = state.since = live->now;
  state.replicas = replicas_for(spec.rollout.steps.front().weight, state.plan.replicas);
  state.route_generation = number_field(field(*live->find("HTTPRoute", spec.model.name), "metadata"), "generation");
  const auto history = read_history(seams, *live, state.plan);
  const History before = history ? *history : History();
  state.judge = judge_after(rules_of(state.plan), before).state().dump();
  const auto rates = by_metrics(seams, *live, state.plan, before);
  if (!rates) return rates.error().context(owner.name);
  tell(state, live->now, state.candidate.version + " begins beside " + state.baseline.version + ", by " + run);
  out.requests_per_second = traffic.seconds > 0 ? traffic.requests / traffic.seconds : 0;
  out.error_rate = traffic.requests > 0 ? traffic.errors / traffic.requests : 0;
  state.replay.people = out.requests_per_second;
  if (out.requests_per_second > 0 || replays)
    out.steps = forecast_steps(state.plan, {out.requests_per_second, out.error_rate, of_one(before, 0)}, *rates);
  else
    for (std::size_t i = 0; i + 1 < spec.rollout.steps.size(); ++i)
      out.steps.push_back(
          {spec.rollout.steps[i].weight, replicas_for(spec.rollout.steps[i].weight, state.plan.replicas), 0, {}, {}});
  out.notes = notes_of(state.plan, out);
  if (traffic.pods == 0)
    out.notes.push_back("stable shows no " + counting->names.requests +
                        " yet: whether it counts is seen when requests are replayed");
  if (before.empty()) out.notes.push_back(no_history(history));
  if (auto note = read_gateway_before(seams, *live, spec, state)) out.notes.push_back(std::move(*note));
  return out;
}

Status begin_rollout(const RolloutSeams& seams, const OwnerPlan& owner, const RolloutState& rollout,
                     const std::vector<std::string>& replay) {
  Objects objects;
  for (const auto& body : owner.bodies) objects.push_back(*body);
  const auto kept = kept_revision(owner.before, rollout.candidate, objects, replay);
  auto resource = seams.discovery.find("apps/v1", "ControllerRevision");
  if (!resource) return resource.error();
  const ApiRequest record{.method = "POST",
                          .path = path_of(*resource, owner.before.name_space),
                          .query = {{"fieldManager", field_manager}},
                          .body = kept.dump(-1, ' ', false, Json::error_handler_t::replace),
                          .content_type = "application/json",
                          .about = to_string(key_of(kept)),
                          .again = false};
  ModelState state = owner.before;
  ++state.epoch;
  state.assignment = std::max(state.assignment, rollout.candidate.assignment);
  state.rollout = rollout;
  state.working.clear();
  state.working_since.clear();
  state.kinds.insert(owner.after.kinds.begin(), owner.after.kinds.end());
  const ApiRequest write{.method = "PUT",
                         .path = state_path(state.model, state.name_space),
                         .query = {{"fieldManager", field_manager}},
                         .body = to_object(state).dump(),
                         .content_type = "application/json",
                         .about = "state of " + owner.name};
  if (auto kept_now = keep(seams, record, path_of(*resource, key_of(kept))); !kept_now) return kept_now;
  auto written = seams.cluster.send({write}, {});
  if (!written.front()) return written.front().error();
  if (!is_fine(*written.front())) return error_of(seams.cluster, write, *written.front());
  return ok();
}

}  // namespace mlctl::deploy
