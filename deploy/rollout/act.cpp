#include "deploy/rollout/act.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "deploy/cluster/compare.h"
#include "deploy/cluster/dry_run.h"
#include "deploy/cluster/fields.h"
#include "deploy/cluster/live.h"
#include "deploy/cluster/revisions.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;
using Order = RolloutWrite::Order;

constexpr const char* our_prefix = "mlctl.dev/";

// What is applied anew of something that lives: its names, our annotations, and `spec`.
Json like(const Json& live, Json spec) {
  const Json& metadata = field(live, "metadata");
  Json annotations = Json::object();
  for (const auto& [key, value] : field(metadata, "annotations").items())
    if (key.starts_with(our_prefix)) annotations[key] = value;
  return {{"apiVersion", live.at("apiVersion")},
          {"kind", live.at("kind")},
          {"metadata",
           {{"name", metadata.at("name")},
            {"namespace", metadata.at("namespace")},
            {"labels", field(metadata, "labels")},
            {"annotations", std::move(annotations)}}},
          {"spec", std::move(spec)}};
}

// Weights that people can read where they are whole percents.
Json references(const RolloutState& rollout, const std::string& model, double weight) {
  const auto one = [&](const Serves& arm, std::int64_t share) {
    return Json{
        {"group", ""}, {"kind", "Service"}, {"name", model + "-" + arm.revision}, {"port", 80}, {"weight", share}};
  };
  if (weight <= 0) return Json::array({one(rollout.baseline, 1)});
  if (weight >= 1) return Json::array({one(rollout.candidate, 1)});
  const std::int64_t whole = std::abs(weight * 100 - std::round(weight * 100)) < 1e-9 ? 100 : 100'000;
  const auto share = static_cast<std::int64_t>(std::llround(weight * static_cast<double>(whole)));
  return Json::array({one(rollout.baseline, whole - share), one(rollout.candidate, share)});
}

class Actor {
 public:
  Actor(const RolloutLive& live, Discovery& discovery)
      : live_(live),
        rollout_(*live.state.rollout),
        model_(live.state.model.name),
        discovery_(discovery),
        candidate_(live.revision(rollout_.candidate.revision)) {}

  Result<std::vector<RolloutWrite>> writes() {
    const bool needed = !rollout_.has_lost() && rollout_.phase != Phase::promoted;
    if (needed && candidate_.empty())
      return Error{Error::Kind::not_found,
                   "ControllerRevision " + live_.state.name_space + "/" + model_ + "-" + rollout_.candidate.revision +
                       " is gone: what the canary is made of is not known any more",
                   "`mlctl rollout abort` goes back to " + rollout_.baseline.version};
    if (needed)
      for (const auto& object : candidate_) pods(object);
    if (rollout_.has_won())
      for (const auto& object : candidate_) final_scale(object);
    hold_stable();
    route();
    service();
    if (rollout_.is_over()) retire();
    if (error_) return *error_;
    return std::move(writes_);
  }

 private:
  void apply(Order order, Json body, const Json* live) {
    const auto key = key_of(body);
    auto resource = discovery_.find(key.api_version, key.kind);
    if (!resource) {
      if (!error_) error_ = resource.error();
      return;
    }
    body["metadata"]["annotations"][epoch_annotation] = std::to_string(live_.state.epoch);
    if (live != nullptr) body["metadata"]["resourceVersion"] = resource_version_of(*live);
    writes_.push_back({order, apply_request(*resource, body, {.force = true})});
  }

  // Of the revision alone: what a model has once changes when it has won.
  void pods(const Json& object) {
    const auto key = key_of(object);
    const Json* live = live_.find(key.kind, key.name);
    if (key.kind == "HTTPRoute" || (key.kind == "Service" && key.name == model_)) return;
    Json body = object;
    if (key.kind == "Deployment") {
      const bool scaled = has_autoscaler();
      if (live != nullptr && (scaled || number_field(field(*live, "spec"), "replicas") >= rollout_.replicas)) return;
      body["spec"]["replicas"] = std::max<std::int64_t>(rollout_.replicas, 1);
    } else if (key.kind == "HorizontalPodAutoscaler") {
      const auto most = number_field(field(object, "spec"), "maxReplicas", 1);
      const auto least = std::clamp<std::int64_t>(rollout_.replicas, 1, most);
      if (live != nullptr && number_field(field(*live, "spec"), "minReplicas") >= least) return;
      body["spec"]["minReplicas"] = least;
    } else if (live != nullptr) {
      return;
    }
    apply(Order::pods, std::move(body), live);
  }

  [[nodiscard]] bool has_autoscaler() const {
    return std::any_of(candidate_.begin(), candidate_.end(),
                       [](const Json& one) { return text_field(one, "kind") == "HorizontalPodAutoscaler"; });
  }

  // What has won ends as it was rendered: its autoscaler goes down again when nobody needs the way back.
  void final_scale(const Json& object) {
    const auto key = key_of(object);
    const Json* live = live_.find(key.kind, key.name);
    if (rollout_.phase != Phase::promoted || key.kind != "HorizontalPodAutoscaler" || live == nullptr) return;
    if (!lies_in(field(object, "spec"), field(*live, "spec"))) apply(Order::pods, object, live);
  }

  // Stable keeps the replicas that it had, so that an abort finds its capacity there.
  void hold_stable() {
    const Json* scaler = live_.find("HorizontalPodAutoscaler", model_ + "-" + rollout_.baseline.revision);
    if (scaler == nullptr || !rollout_.plan.stable_min || rollout_.phase == Phase::promoted) return;
    const Json& spec = field(*scaler, "spec");
    const auto now = number_field(spec, "minReplicas", 1);
    const bool over = rollout_.phase == Phase::failed;
    const auto wanted =
        over ? *rollout_.plan.stable_min : std::min(rollout_.plan.replicas, number_field(spec, "maxReplicas", 1));
    if (over ? now == wanted : now >= wanted) return;
    Json held = spec;
    held["minReplicas"] = wanted;
    apply(Order::pods, like(*scaler, std::move(held)), scaler);
  }

  [[nodiscard]] const Json* rendered(const std::string& kind) const {
    for (const auto& object : candidate_)
      if (const auto key = key_of(object); key.kind == kind && key.name == model_) return &object;
    return nullptr;
  }

  // A person's edit is not written over: decide() has paused the rollout then, until somebody resumes or aborts.
  void route() {
    const Json* live = live_.find("HTTPRoute", model_);
    if (rollout_.pause && !rollout_.has_lost()) return;
    const Json* made = rendered("HTTPRoute");
    if (made != nullptr && rollout_.has_won()) {
      if (live == nullptr || !lies_in(*made, *live)) apply(Order::route, *made, live);
      return;
    }
    if (rollout_.has_won()) return;
    if (live == nullptr) {
      if (made != nullptr) apply(Order::route, made_again(*made), nullptr);
      return;
    }
    Json spec = field(*live, "spec");
    if (!field(spec, "rules").is_array() || spec["rules"].empty()) return;
    Json wanted = references(rollout_, model_, rollout_.weight);
    if (lies_in(wanted, field(spec["rules"].front(), "backendRefs")) && spec["rules"].size() == 1) return;
    spec["rules"].front()["backendRefs"] = std::move(wanted);
    apply(Order::route, like(*live, std::move(spec)), live);
  }

  // As it would be rendered today, with the weights of this rollout: somebody removed the one that was there.
  [[nodiscard]] Json made_again(const Json& route) const {
    Json out = route;
    Json& rules = out["spec"]["rules"];
    if (rules.is_array() && !rules.empty() && rules.front().is_object())
      rules.front()["backendRefs"] = references(rollout_, model_, rollout_.weight);
    return out;
  }

  void service() {
    const Json* live = live_.find("Service", model_);
    if (live == nullptr) return;
    const auto& serving = rollout_.has_won() ? rollout_.candidate : rollout_.baseline;
    if (rollout_.has_won()) {
      const Json* account = rendered("ServiceAccount");
      const Json* there = live_.find("ServiceAccount", model_);
      if (account != nullptr && there != nullptr && !lies_in(*account, *there)) apply(Order::service, *account, there);
      if (const Json* won = rendered("Service"); won != nullptr && !lies_in(*won, *live))
        apply(Order::service, *won, live);
      return;
    }
    const Json& spec = field(*live, "spec");
    if (text_field(field(spec, "selector"), revision_label) == serving.revision) return;
    Json back = {{"type", field(spec, "type")}, {"selector", field(spec, "selector")}, {"ports", field(spec, "ports")}};
    back["selector"][revision_label] = serving.revision;
    apply(Order::service, like(*live, std::move(back)), live);
  }

  // Everything of other revisions than the one that serves now: the arm that lost, and what an earlier rollout left
  // that was superseded. What they were made of is kept as after any apply.
  void retire() {
    const auto& serves = rollout_.has_won() ? rollout_.candidate.revision : rollout_.baseline.revision;
    std::vector<const Json*> records;
    for (const auto& [key, object] : live_.objects) {
      const auto revision = label_of(object, revision_label);
      if (is_going(object) || revision.empty()) continue;
      if (key.kind == "ControllerRevision")
        records.push_back(&object);
      else if (revision != serves)
        remove(key, object);
    }
    for (const Json* record : outdated(records, serves)) remove(key_of(*record), *record);
  }

  void remove(const ObjectKey& key, const Json& object) {
    auto resource = discovery_.find(key.api_version, key.kind);
    if (!resource) {
      if (!error_) error_ = resource.error();
      return;
    }
    writes_.push_back({Order::removal, removal_request(*resource, key, {uid_of(object), resource_version_of(object)})});
  }

  const RolloutLive& live_;
  const RolloutState& rollout_;
  std::string model_;
  Discovery& discovery_;
  Objects candidate_;
  std::vector<RolloutWrite> writes_;
  std::optional<Error> error_;
};

}  // namespace

Result<std::vector<RolloutWrite>> writes_for(const RolloutLive& live, Discovery& discovery) {
  if (!live.state.rollout) return std::vector<RolloutWrite>();
  return Actor(live, discovery).writes();
}

Result<std::vector<ApiRequest>> fence(const RolloutLive& live, Discovery& discovery) {
  std::vector<ApiRequest> out;
  const auto& rollout = *live.state.rollout;
  const auto& model = live.state.model.name;
  for (const auto& [kind, name] : {std::pair<std::string, std::string>{"HTTPRoute", model},
                                   {"Deployment", model + "-" + rollout.candidate.revision},
                                   {"Service", model},
                                   {"Deployment", model + "-" + rollout.baseline.revision}}) {
    const Json* there = live.find(kind, name);
    if (there == nullptr) continue;
    const auto key = key_of(*there);
    auto resource = discovery.find(key.api_version, key.kind);
    if (!resource) return resource.error();
    const Json patch = {{"metadata",
                         {{"resourceVersion", resource_version_of(*there)},
                          {"annotations", {{epoch_annotation, std::to_string(live.state.epoch)}}}}}};
    out.push_back({.method = "PATCH",
                   .path = path_of(*resource, key),
                   .query = {{"fieldManager", field_manager}},
                   .body = patch.dump(),
                   .content_type = "application/merge-patch+json",
                   .about = to_string(key)});
  }
  return out;
}

void settle(ModelState& state, const Objects& candidate, const std::string& now) {
  if (!state.rollout) return;
  const auto& rollout = *state.rollout;
  if (rollout.has_lost()) state.aborted.insert(rollout.candidate.assignment);
  if (rollout.has_won()) state.aborted.erase(rollout.candidate.assignment);
  if (state.aborted.size() > most_aborted) state.aborted.erase(state.aborted.begin());
  if (rollout.has_won() && (!state.stable || state.stable->revision != rollout.candidate.revision)) {
    state.stable = rollout.candidate;
    state.stable->since = now;
    state.applied.clear();
    for (const auto& object : candidate) {
      const auto key = key_of(object);
      state.applied[key_in_state(key)] = digest_of(object.dump(-1, ' ', false, Json::error_handler_t::replace)).hex();
      state.kinds.insert(group_kind(key));
    }
  }
  // What the way back leaves is asked of the server again by the next apply.
  if (rollout.has_lost() && state.stable && state.stable->revision != rollout.baseline.revision) {
    state.stable = rollout.baseline;
    state.applied.clear();
  }
}

}  // namespace mlctl::deploy
