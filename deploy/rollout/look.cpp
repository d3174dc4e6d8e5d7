#include "deploy/rollout/look.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "deploy/cluster/fields.h"
#include "deploy/cluster/health.h"
#include "deploy/cluster/list.h"
#include "deploy/cluster/live.h"
#include "deploy/cluster/perform.h"
#include "deploy/cluster/revisions.h"
#include "deploy/cluster/routes.h"
#include "deploy/rollout/blocks.h"
#include "deploy/rollout/gateway.h"
#include "deploy/rollout/pod_pages.h"
#include "deploy/rollout/prometheus.h"
#include "deploy/rollout/user_metrics.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* gateway_group = "gateway.networking.k8s.io";

struct GroupKind {
  const char* group;
  const char* kind;
};
constexpr GroupKind looked_at[] = {{"", "ServiceAccount"},
                                   {"", "Service"},
                                   {"apps", "Deployment"},
                                   {"apps", "ControllerRevision"},
                                   {gateway_group, "HTTPRoute"},
                                   {"policy", "PodDisruptionBudget"},
                                   {"autoscaling", "HorizontalPodAutoscaler"},
                                   {"monitoring.coreos.com", "PodMonitor"}};

// Of each arm's Service, by its name: a pod that is ready is no endpoint yet, and a gateway that is given a weight for
// a Service without any answers 503. Nothing of a Service without slices, nor where nobody lets us look: then pods
// count.
std::map<std::string, std::int64_t> ready_endpoints(Cluster& cluster, const RolloutPlace& place,
                                                    const RolloutState& rollout) {
  const auto name = [&](const Serves& arm) { return place.model.name + "-" + arm.revision; };
  const auto slices = list_all(
      cluster, {{{"discovery.k8s.io/v1", "EndpointSlice", "endpointslices", true},
                 place.name_space,
                 "kubernetes.io/service-name in (" + name(rollout.baseline) + "," + name(rollout.candidate) + ")"}});
  if (!slices) return {};
  // A Service with two families of addresses has each pod twice.
  std::map<std::pair<std::string, std::string>, std::int64_t> counts;
  for (const auto& slice : slices->front().items) {
    auto& count = counts[{label_of(slice, "kubernetes.io/service-name"), text_field(slice, "addressType")}];
    if (const Json& endpoints = field(slice, "endpoints"); endpoints.is_array())
      for (const auto& endpoint : endpoints) {
        const Json& ready = field(field(endpoint, "conditions"), "ready");
        count += ready.is_boolean() && !ready.get<bool>() ? 0 : 1;  // nil is ready
      }
  }
  std::map<std::string, std::int64_t> out;
  for (const auto& [key, count] : counts) {
    const auto [found, is_new] = out.emplace(key.first, count);
    if (!is_new) found->second = std::min(found->second, count);
  }
  return out;
}

ArmSeen arm_seen(const RolloutLive& live, const std::string& revision) {
  ArmSeen arm;
  if (const Json* deployment = live.find("Deployment", live.state.model.name + "-" + revision))
    arm.trouble = trouble_of_deployment(*deployment);
  for (const Json* pod : pods_of(live, revision)) {
    arm.ready += is_ready(*pod) ? 1 : 0;
    if (auto trouble = trouble_of(*pod); trouble.kind > arm.trouble.kind) arm.trouble = std::move(trouble);
    for (const auto& container : field(field(*pod, "status"), "containerStatuses")) {
      const Json& now = field(field(container, "state"), "terminated");
      const Json& last = field(field(container, "lastState"), "terminated");
      const auto restarts = number_field(container, "restartCount");
      // While a container waits to be started again its last end is counted nowhere yet.
      const bool waits = field(field(container, "state"), "waiting").is_object() && number_field(last, "exitCode") != 0;
      const bool ended = waits || (now.is_object() && number_field(now, "exitCode") != 0);
      arm.crashes += restarts + (ended ? 1 : 0);
      if (restarts == 0 && !ended) continue;
      const Json& end = now.is_object() ? now : last;
      arm.crash = key_of(*pod).name + ": " + text_field(end, "reason") + ", exit " +
                  std::to_string(number_field(end, "exitCode"));
    }
  }
  const auto name = live.state.model.name + "-" + revision;
  if (const auto endpoints = live.endpoints.find(name); endpoints != live.endpoints.end())
    arm.ready = std::min(arm.ready, endpoints->second);
  const Json* deployment = live.find("Deployment", name);
  if (const auto refused = deployment == nullptr ? "" : refusal_of_pods(*deployment);
      !refused.empty() && arm.trouble.kind == PodTrouble::Kind::none)
    arm.trouble = {PodTrouble::Kind::unschedulable, "no pod can be made: " + refused};
  return arm;
}

// Who wrote the references last, when that was not mlctl.
std::string editor_of(const Json& route) {
  std::string newest, who;
  for (const auto& entry : field(field(route, "metadata"), "managedFields")) {
    const auto time = text_field(entry, "time"), manager = text_field(entry, "manager");
    if (text_field(entry, "subresource") == "status" || time < newest) continue;
    newest = time;
    who = manager;
  }
  return who == field_manager ? "" : who;
}

RouteSeen route_seen(const RolloutLive& live, const RolloutState& rollout) {
  RouteSeen out;
  const auto& name = live.state.model.name;
  const Json* route = live.find("HTTPRoute", name);
  if (route == nullptr) return out;
  out.there = true;
  out.generation = number_field(field(*route, "metadata"), "generation");
  out.editor = editor_of(*route);
  const Json& rules = field(field(*route, "spec"), "rules");
  double canary = 0, all = 0;
  out.ours = rules.is_array() && rules.size() == 1;
  if (out.ours)
    for (const auto& reference : field(rules.front(), "backendRefs")) {
      const auto to = text_field(reference, "name");
      const auto weight = static_cast<double>(number_field(reference, "weight", 1));
      const bool is_canary = to == name + "-" + rollout.candidate.revision;
      out.ours = out.ours && (is_canary || to == name + "-" + rollout.baseline.revision);
      canary += is_canary ? weight : 0;
      all += weight;
    }
  out.ours = out.ours && all > 0;
  out.weight = all > 0 ? canary / all : 0;
  const auto status = route_status(*route);
  out.trouble = status.trouble;
  out.observed = status.followed;
  return out;
}

Result<std::map<std::string, PodSample>> ask_prometheus(const RolloutSeams& seams, const RolloutLive& live,
                                                        const Counting& counting,
                                                        const std::vector<std::string>& revisions) {
  const auto body = prometheus_get(seams, "query", {{"query", query_of(live, counting, revisions)}});
  if (!body) return body.error();
  return parse_query(*body, counting.names);
}

// Whoever says something is there, whatever it says.
bool is_away(const Error& error) {
  return error.kind == Error::Kind::timeout;
}

}  // namespace

const Json* RolloutLive::find(const std::string& kind, const std::string& name) const {
  for (const auto& [key, object] : objects)
    if (key.kind == kind && key.name == name) return &object;
  return nullptr;
}

Objects RolloutLive::revision(const std::string& revision) const {
  const Json* record = find("ControllerRevision", state.model.name + "-" + revision);
  if (record == nullptr) return {};
  auto kept = parse_kept(*record, state.model, state.name_space);
  return kept ? std::move(kept->objects) : Objects();
}

Result<ModelState> look_at_state(const RolloutSeams& seams, const RolloutPlace& place, WallTime& now) {
  auto found = read_state(seams.cluster, place.model, place.name_space);
  if (!found) return found.error();
  if (!found->state)
    return Error{Error::Kind::not_found,
                 "nothing of " + to_string(place.model) + " is in namespace " + place.name_space + " of context " +
                     seams.cluster.context(),
                 "`mlctl apply " + to_string(place.model) + " --env " + place.environment + "` first"};
  now = found->date && is_sensible(*found->date) ? *found->date : seams.clock.wall();
  if (found->state->environment != place.environment)
    return Error{Error::Kind::conflict,
                 to_string(place.model) + " in namespace " + place.name_space + " belongs to environment " +
                     escape_control(found->state->environment),
                 ""};
  return std::move(*found->state);
}

Result<RolloutLive> look(const RolloutSeams& seams, const RolloutPlace& place) {
  RolloutLive live;
  auto state = look_at_state(seams, place, live.now);
  if (!state) return state.error();
  live.state = std::move(*state);
  const std::string ours = "app.kubernetes.io/name=" + place.model.name + "," + managed_label + "=mlctl";
  std::vector<ListQuery> queries;
  for (const auto& [group, kind] : looked_at) {
    // Nobody needs the right to it who does not use it.
    if (kind == std::string_view("PodMonitor") && live.state.kinds.count("PodMonitor.monitoring.coreos.com") == 0)
      continue;
    auto resource = seams.discovery.find_group_kind(group, kind);
    if (!resource) return resource.error();
    if (*resource)
      queries.push_back({**resource, place.name_space, ours, "application/json", std::string(kind) == "HTTPRoute"});
  }
  queries.push_back({{"v1", "Pod", "pods", true}, place.name_space, ours});
  auto lists = list_all(seams.cluster, queries);
  if (!lists) return lists.error();
  live.pods = std::move(lists->back().items);
  lists->pop_back();
  for (auto& list : *lists)
    for (auto& object : list.items) {
      auto key = key_of(object);
      live.objects.emplace(std::move(key), std::move(object));
    }
  if (live.state.rollout && live.state.rollout->phase == Phase::preparing)
    live.endpoints = ready_endpoints(seams.cluster, place, *live.state.rollout);
  return live;
}

std::vector<const Json*> pods_of(const RolloutLive& live, const std::string& revision) {
  std::vector<const Json*> out;
  for (const auto& pod : live.pods)
    if (label_of(pod, revision_label) == revision && !is_going(pod)) out.push_back(&pod);
  return out;
}

bool is_ready(const Json& pod) {
  return text_field(condition(field(pod, "status"), "Ready"), "status") == "True";
}

Result<std::map<std::string, PodSample>> read_samples(const RolloutSeams& seams, const RolloutLive& live,
                                                      const Counting& counting,
                                                      const std::vector<std::string>& revisions, std::string* instead) {
  std::vector<const Json*> pods;
  for (const auto& revision : revisions)
    for (const Json* pod : pods_of(live, revision))
      if (is_ready(*pod)) pods.push_back(pod);
  if (!seams.prometheus) return ask_pods(seams, pods, counting);
  auto samples = ask_prometheus(seams, live, counting, revisions);
  // Both show the same counters: while Prometheus is away, or does not scrape these pods, they are asked themselves.
  if (!samples || samples->empty()) {
    auto asked = ask_pods(seams, pods, counting);
    if (!samples && (!asked || asked->empty())) return samples.error();
    if (asked && instead != nullptr)
      *instead =
          (samples ? "Prometheus shows nothing of the pods" : samples.error().message) + "; pods are asked themselves";
    return asked;
  }
  std::map<std::string, PodSample> there;
  for (const Json* pod : pods)
    if (const auto found = samples->find(key_of(*pod).name); found != samples->end()) there.insert(*found);
  return there;
}

void scrape(const RolloutSeams& seams, const RolloutLive& live, const RolloutState& rollout, Observation& into) {
  const std::vector<std::string> revisions{rollout.baseline.revision, rollout.candidate.revision};
  auto direct = seams;
  if (rollout.plan.gateway && seams.prometheus) {
    auto counts = read_gateway(seams, live, rollout);
    if (counts)
      into.gateway = *counts;
    else
      into.unseen = "what the gateway counts: " + counts.error().message;
    if (!counts && is_away(counts.error())) direct.prometheus.reset();
  }
  // What was replayed has to be counted in the block that it was sent in: Prometheus would say it later.
  if (rollout.plan.config.low_traffic == LowTraffic::replay) direct.prometheus.reset();
  auto samples = read_samples(direct, live, rollout.plan.counting, revisions, &into.unseen);
  const bool skipped = seams.prometheus && !direct.prometheus && rollout.plan.config.low_traffic != LowTraffic::replay;
  if (!samples && skipped) samples = read_samples(seams, live, rollout.plan.counting, revisions, &into.unseen);
  if (!samples) {
    into.blind = samples.error().message;
    return;
  }
  into.scraped = true;
  for (auto* arm : {&into.stable_counters, &into.canary_counters}) {
    const auto& revision = arm == &into.stable_counters ? rollout.baseline.revision : rollout.candidate.revision;
    for (const Json* pod : pods_of(live, revision)) {
      if (!is_ready(*pod)) continue;
      // A server that has answered nothing yet may expose no counter yet.
      const auto found = samples->find(key_of(*pod).name);
      (*arm)[key_of(*pod).name] = counters_of(found == samples->end() ? PodSample{} : found->second, rollout.plan.edge);
    }
  }
  std::optional<Error> away;  // whoever does not answer is asked once
  for (const auto& metric : rollout.plan.config.metrics) {
    const auto counts = away ? Result<PodRawCounts>(*away) : read_metric(seams, live, metric, revisions);
    if (!counts) into.unseen = counts.error().message;
    if (!counts && is_away(counts.error())) away = counts.error();
    for (auto* arm : {&into.stable_counters, &into.canary_counters})
      for (auto& [pod, counters] : *arm) {
        const bool known = counts && counts->count(pod) != 0;
        counters.metrics.push_back(known ? std::optional(counts->at(pod)) : std::nullopt);
      }
  }
}

Observation seen_of(const RolloutLive& live, const RolloutState& rollout) {
  Observation out;
  out.now = live.now;
  out.stable = arm_seen(live, rollout.baseline.revision);
  out.canary = arm_seen(live, rollout.candidate.revision);
  out.route = route_seen(live, rollout);
  return out;
}

}  // namespace mlctl::deploy
