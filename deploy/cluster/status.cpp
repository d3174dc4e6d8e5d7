#include "deploy/cluster/status.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "deploy/cluster/fields.h"
#include "deploy/cluster/health.h"
#include "deploy/cluster/list.h"
#include "deploy/cluster/live.h"
#include "deploy/cluster/pods.h"
#include "deploy/cluster/routes.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;
using State = ModelStatus::State;

class Reader {
 public:
  Reader(const Desired& desired, const Live& live, Kinds kinds) : desired_(desired), live_(live), kinds_(kinds) {}

  std::vector<ModelStatus> read() {
    for (const auto& file : desired_.files)
      if (const Spec* spec = file.spec()) specs_[spec->model] = spec;
    std::vector<ModelStatus> out;
    for (const auto& chosen : desired_.models)
      if (auto one = status_of(chosen.model)) out.push_back(std::move(*one));
    for (const auto& one : desired_.unrendered) {
      auto status = status_of(one.model);
      out.push_back(status ? std::move(*status) : ModelStatus{.model = one.model, .name_space = one.name_space});
      out.back().drift = "git's version cannot be rendered: " + one.why.message;
    }
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.model < b.model; });
    return out;
  }

 private:
  // nullopt: neither git nor the cluster has anything of it.
  std::optional<ModelStatus> status_of(const registry::ModelName& model) {
    const auto spec = specs_.find(model);
    auto state = state_of(model, spec == specs_.end() ? "" : spec->second->name_space);
    ModelStatus out{.model = model};
    if (spec != specs_.end()) out.name_space = spec->second->name_space;
    if (!state) {
      out.state = State::failed;
      out.reason = state.error().message;
      return out;
    }
    if (*state) {
      out.name_space = (*state)->name_space;
      out.serves = (*state)->stable;
      out.working = (*state)->work.who;
      out.working_since = (*state)->work.since;
      if ((*state)->rollout && !(*state)->rollout->is_over()) out.rollout = (*state)->rollout;
    }
    if (spec == specs_.end() && !out.serves) return std::nullopt;
    add_drift(spec == specs_.end() ? nullptr : spec->second, out);
    if (!*state) add_forgotten(out);
    if (out.serves) {
      add_health(out);
      add_damage(**state, spec == specs_.end() ? nullptr : spec->second, out);
    }
    return out;
  }

  void add_forgotten(ModelStatus& out) const {
    if (!is_forgotten(out.model, out.name_space, live_)) return;
    out.state = State::failed;
    out.reason = "it serves, and its ConfigMap " + state_name(out.model) + " is gone: `mlctl diff` says what to do";
    out.drift.clear();
  }

  // What somebody took away, or led elsewhere, though pods are ready. Other fields are diff's to compare.
  void add_damage(const ModelState& state, const Spec* spec, ModelStatus& out) const {
    if (kinds_ != Kinds::all) return;
    const auto say = [&](const std::string& what) { out.reason += (out.reason.empty() ? "" : "; ") + what; };
    const auto& there = objects_in(out.name_space);
    for (const auto& [name, hash] : state.applied)
      if (there.count(name) == 0 && !name.starts_with("Deployment")) say(name + " is gone");
    const auto service = live_.objects.find({"v1", "Service", out.name_space, out.model.name});
    if (service != live_.objects.end() &&
        text_field(field(field(service->second, "spec"), "selector"), revision_label) != out.serves->revision)
      say("Service " + out.model.name + " leads to other pods");
    const auto route =
        live_.objects.find({"gateway.networking.k8s.io/v1", "HTTPRoute", out.name_space, out.model.name});
    const auto trouble = route == live_.objects.end() ? "" : route_status(route->second).trouble;
    if (!trouble.empty()) say("its gateway says: " + trouble);
    const bool same = spec != nullptr && out.drift.empty();
    if (same && serves_another_image(*spec, out)) say("its pods run another image than the one that was applied");
  }

  // Once for all models: thousands share a namespace.
  [[nodiscard]] const std::set<std::string>& objects_in(const std::string& name_space) const {
    if (there_.empty())
      for (const auto& [key, object] : live_.objects)
        if (!is_going(object)) there_[key.name_space].insert(key_in_state(key));
    return there_[name_space];
  }

  [[nodiscard]] bool serves_another_image(const Spec& spec, const ModelStatus& out) const {
    const auto found =
        live_.objects.find({"apps/v1", "Deployment", out.name_space, out.model.name + "-" + out.serves->revision});
    if (spec.kept || found == live_.objects.end()) return false;
    const Json& containers = field(field(field(field(found->second, "spec"), "template"), "spec"), "containers");
    if (!containers.is_array()) return true;
    return std::none_of(containers.begin(), containers.end(),
                        [&](const Json& one) { return text_field(one, "image") == spec.runtime.image; });
  }

  Result<std::optional<ModelState>> state_of(const registry::ModelName& model, const std::string& name_space) {
    auto begin = live_.states.begin(), end = live_.states.end();
    if (!name_space.empty()) {
      begin = live_.states.find({"v1", "ConfigMap", name_space, state_name(model)});
      if (begin != end) end = std::next(begin);
    }
    for (auto one = begin; one != end; ++one) {
      if (one->first.name != state_name(model)) continue;
      auto state = parse_state(one->second);
      if (!state) return state.error();
      if (state->model == model && state->environment == desired_.environment) return std::optional(std::move(*state));
    }
    return std::optional<ModelState>();
  }

  static void add_drift(const Spec* spec, ModelStatus& out) {
    if (spec == nullptr) {
      out.drift = "git assigns nothing";
      return;
    }
    const auto assigned = to_string(spec->version) + " (#" + std::to_string(spec->assignment) + ")";
    if (!out.serves) {
      out.drift = "git assigns " + assigned;
      return;
    }
    const auto wanted = static_cast<std::uint64_t>(spec->assignment);
    const auto revision = revision_of(*spec);
    if (out.serves->assignment > wanted)
      out.drift = "newer than git here, which has " + assigned;
    else if (out.serves->digest != to_string(spec->digest) || out.serves->assignment < wanted)
      out.drift = "git assigns " + assigned;
    else if (revision && *revision != out.serves->revision)
      out.drift = "git serves it by another configuration";
  }

  void add_health(ModelStatus& out) const {
    const ObjectKey key{"apps/v1", "Deployment", out.name_space, out.model.name + "-" + out.serves->revision};
    const auto found = live_.objects.find(key);
    if (found == live_.objects.end()) {
      out.state = State::failed;
      out.reason = "its Deployment is gone";
      return;
    }
    const auto health = health_of(found->second);
    out.state = health.kind == Health::Kind::ready    ? State::ready
                : health.kind == Health::Kind::failed ? State::failed
                                                      : State::waiting;
    out.reason = health.reason;
    if (const auto made = trouble_of_deployment(found->second); made.kind != PodTrouble::Kind::none)
      out.reason += (out.reason.empty() ? "" : "; ") + std::string(to_string(made.kind)) + ": " + made.reason;
    out.ready = number_field(field(found->second, "status"), "readyReplicas");
    out.wanted = std::max<std::int64_t>(number_field(field(found->second, "spec"), "replicas"), 0);
  }

  const Desired& desired_;
  const Live& live_;
  mutable std::map<std::string, std::set<std::string>> there_;  // by namespace, as states name them
  Kinds kinds_;
  std::map<registry::ModelName, const Spec*> specs_;
};

Tone tone_of(const ModelStatus& one) {
  if (one.state == State::failed) return Tone::bad;
  return one.is_fine() ? Tone::good : Tone::warn;
}

Symbol symbol_of(const ModelStatus& one) {
  if (one.state == State::failed) return Symbol::fail;
  if (one.state == State::waiting) return Symbol::running;
  return one.is_fine() ? Symbol::pass : Symbol::warn;
}

std::string rollout_text(const RolloutState& rollout) {
  std::string out = escape_control(rollout.candidate.version) + " takes " +
                    std::to_string(std::lround(rollout.weight * 100)) + " % of the traffic, " +
                    to_string(rollout.phase);
  if (!rollout.reason.empty()) out += ": " + escape_control(rollout.reason);
  if (rollout.pause) out += ", paused: " + escape_control(rollout.pause->reason);
  return out;
}

std::string since_text(const std::string& since, WallTime now, const Style& style) {
  const auto when = parse_rfc3339(since);
  if (!when) return "";
  return style.terminal ? ago(*when, now) : since;
}

}  // namespace

const char* to_string(State state) {
  switch (state) {
    case State::absent:
      return "absent";
    case State::waiting:
      return "waiting";
    case State::ready:
      return "ready";
    case State::failed:
      return "failed";
  }
  return "";
}

std::set<std::string> namespaces_of(const Desired& desired) {
  std::set<std::string> out;
  for (const auto& file : desired.files)
    if (const Spec* spec = file.spec()) out.insert(spec->name_space);
  for (const auto& one : desired.unrendered) out.insert(one.name_space);
  for (const auto& one : desired.models)
    if (!one.name_space.empty()) out.insert(one.name_space);
  return out;
}

std::vector<ModelStatus> status_of(const Desired& desired, const Live& live, Kinds kinds) {
  return Reader(desired, live, kinds).read();
}

void explain(std::vector<ModelStatus>& all, const std::vector<const Json*>& pods) {
  std::map<std::pair<std::string, std::string>, Objects> troubled;  // by namespace and revision
  for (const auto& one : all)
    if (!one.reason.empty() && one.serves) troubled[{one.name_space, one.serves->revision}];
  for (const Json* pod : pods) {
    const auto found = troubled.find({key_of(*pod).name_space, label_of(*pod, "mlctl.dev/revision")});
    if (found != troubled.end()) found->second.push_back(*pod);
  }
  for (auto& one : all) {
    if (one.reason.empty() || !one.serves) continue;
    const auto trouble = trouble_of_all(troubled[{one.name_space, one.serves->revision}]);
    if (!trouble.empty()) one.reason += "; " + trouble;
  }
}

Result<std::vector<ModelStatus>> read_status(Cluster& cluster, Discovery& discovery, const Desired& desired) {
  auto live = read_live(cluster, discovery, namespaces_of(desired));
  if (!live) return live.error();
  auto all = status_of(desired, *live, Kinds::all);
  std::vector<ListQuery> queries;
  std::set<std::string> asked;
  for (const auto& one : all)
    if (!one.reason.empty() && asked.insert(one.name_space).second)
      queries.push_back({.resource = {"v1", "Pod", "pods", true},
                         .name_space = one.name_space,
                         .label_selector = std::string(managed_label) + "=mlctl",
                         .with_spec = false});
  auto lists = list_all(cluster, queries);
  if (!lists) return lists.error();
  std::vector<const Json*> pods;
  for (const auto& list : *lists)
    for (const auto& pod : list.items) pods.push_back(&pod);
  explain(all, pods);
  return all;
}

std::string to_text(const std::vector<ModelStatus>& all, WallTime now, const Style& style) {
  Rows rows;
  for (const auto& one : all) {
    const auto state = symbol(symbol_of(one), style) + " " + to_string(one.state);
    const auto& serves = one.serves;
    rows.push_back({to_string(one.model), serves ? escape_control(serves->version) : "-",
                    serves ? escape_control(serves->digest.substr(7, 12)) : "-",
                    serves ? std::to_string(one.ready) + "/" + std::to_string(one.wanted) : "-",
                    paint(state, tone_of(one), style), serves ? since_text(serves->since, now, style) : "-",
                    serves ? escape_control(serves->run) : "-"});
  }
  std::string out = render_table({"model", "version", "digest", "ready", "state", "since", "by"}, rows, style);
  for (const auto& one : all) {
    const auto name = to_string(one.model) + ": ";
    if (!one.reason.empty()) out += name + escape_control(one.reason) + "\n";
    if (!one.drift.empty()) out += name + escape_control(one.drift) + "\n";
    if (one.rollout) out += name + rollout_text(*one.rollout) + "\n";
    if (!one.working.empty())
      out += name + "being changed by " + escape_control(one.working) + " since " + escape_control(one.working_since) +
             "\n";
  }
  return out;
}

Json to_json(const std::vector<ModelStatus>& all) {
  Json models = Json::array();
  for (const auto& one : all) {
    Json serves;
    if (one.serves)
      serves = {
          {"version", one.serves->version}, {"digest", one.serves->digest},         {"revision", one.serves->revision},
          {"commit", one.serves->commit},   {"assignment", one.serves->assignment}, {"since", one.serves->since},
          {"run", one.serves->run}};
    Json rollout;
    if (one.rollout)
      rollout = {{"version", one.rollout->candidate.version},
                 {"weight", one.rollout->weight},
                 {"phase", to_string(one.rollout->phase)},
                 {"paused", one.rollout->pause ? Json(one.rollout->pause->reason) : Json()},
                 {"reason", one.rollout->reason}};
    models.push_back({{"model", to_string(one.model)},
                      {"namespace", one.name_space},
                      {"state", to_string(one.state)},
                      {"serves", serves},
                      {"replicas", {{"ready", one.ready}, {"wanted", one.wanted}}},
                      {"reason", one.reason},
                      {"drift", one.drift},
                      {"rollout", rollout},
                      {"working", one.working},
                      {"workingSince", one.working_since}});
  }
  return models;
}

}  // namespace mlctl::deploy
