#include "deploy/rollout/start.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/terminal.h"
#include "deploy/cluster/fields.h"
#include "deploy/cluster/perform.h"
#include "deploy/cluster/revisions.h"
#include "deploy/pod.h"
#include "deploy/rollout/gateway.h"
#include "deploy/rollout/prometheus.h"
#include "deploy/rollout/replay.h"
#include "deploy/rollout/user_metrics.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;

Serves candidate_of(const OwnerPlan& owner) {
  return owner.after.stable.value_or(Serves{});
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
  auto counts = read_metric(seams, live, metric, {stable.revision});
  if (!counts && counts.error().kind == Error::Kind::timeout)
    counts = read_metric(seams, live, metric, {stable.revision});
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
  std::string instead;
  auto samples = read_samples(seams, *live, *counting, {live->state.stable->revision}, &instead);
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
  state.canary_crashes = -1;  // pods of an attempt before may be there still, with what they ended of
  state.replicas = replicas_for(spec.rollout.steps.front().weight, state.plan.replicas);
  state.route_generation = number_field(field(*live->find("HTTPRoute", spec.model.name), "metadata"), "generation");
  const auto history = read_history(seams, *live, state.plan);
  const History before = history ? *history : History();
  state.judge = judge_after(rules_of(state.plan), before).state().dump();
  const auto rates = by_metrics(seams, *live, state.plan, before);
  if (!rates) return rates.error().context(owner.name);
  tell(state, live->now, state.candidate.version + " begins beside " + state.baseline.version + ", by " + run);
  const auto recent = recent_of(traffic, before, state.plan.config.block);
  out.requests_per_second = recent.rate;
  out.error_rate = recent.error_rate;
  state.replay.people = out.requests_per_second;
  out.steps = forecast_steps(state.plan, {out.requests_per_second, out.error_rate, of_one(before, 0)}, *rates);
  out.notes = notes_of(state.plan, out);
  if (!instead.empty()) out.notes.push_back(instead);
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
  const auto record = kept_revision(owner.before, rollout.candidate, objects, replay);
  ModelState state = owner.before;
  ++state.epoch;
  state.assignment = std::max(state.assignment, rollout.candidate.assignment);
  state.rollout = rollout;
  state.work = {};
  state.kinds.insert(owner.after.kinds.begin(), owner.after.kinds.end());
  const ApiRequest write{.method = "PUT",
                         .path = state_path(state.model, state.name_space),
                         .query = {{"fieldManager", field_manager}},
                         .body = to_object(state).dump(),
                         .content_type = "application/json",
                         .about = "state of " + owner.name};
  const auto kept = keep_revisions(seams.cluster, seams.discovery, {record});
  if (!kept.front()) return kept.front().error();
  auto written = seams.cluster.send({write}, {});
  if (!written.front()) return written.front().error();
  if (!is_fine(*written.front())) return error_of(seams.cluster, write, *written.front());
  return ok();
}

}  // namespace mlctl::deploy
