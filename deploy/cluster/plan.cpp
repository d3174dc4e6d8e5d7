#include "deploy/cluster/plan.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/digest.h"
#include "base/json_text.h"
#include "base/parallel.h"
#include "base/terminal.h"
#include "deploy/cluster/compare.h"
#include "deploy/cluster/dry_run.h"
#include "deploy/cluster/live.h"
#include "deploy/cluster/plan_detail.h"
#include "deploy/gpu/check_room.h"
#include "deploy/plan.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;

class Planner {
 public:
  Planner(Cluster& cluster, Discovery& discovery, const PlanRequest& request)
      : cluster_(cluster), discovery_(discovery), request_(request) {}

  Result<ClusterPlan> plan() {
    for (const auto& step :
         {&Planner::make_bodies, &Planner::read, &Planner::add_desired, &Planner::add_states, &Planner::remember,
          &Planner::compare, &Planner::look_for_strangers, &Planner::ask, &Planner::prune})
      if (auto done = (this->*step)(); !done) return done.error();
    for (auto& owner : plan_.owners) {
      record(owner);
      if (owner.rollout == OwnerPlan::Rollout::none && owner.changes_nothing()) owner.bodies.clear();
    }
    if (request_.wants_room)
      if (auto asked = refuse_without_gpus(cluster_, discovery_, plan_, request_.gpu_report); !asked)
        return asked.error();
    return std::move(plan_);
  }

 private:
  // An object that has to be compared, of an owner.
  struct Wanted {
    std::size_t owner = 0;
    ObjectKey key;
    Body body;
    std::string hash;  // of the body
    Resource resource;
    const Json* live = nullptr;
  };

  Status add_desired() {
    const auto& files = request_.desired.files;
    for (const auto& chosen : request_.desired.models) known_[chosen.model] = chosen.known;
    for (std::size_t i = 0; i < files.size(); ++i) {
      OwnerPlan owner;
      owner.spec = files[i].spec();
      owner.is_model = owner.spec != nullptr;
      owner.name = owner.is_model ? to_string(owner.spec->model) : "tenant " + std::get<Tenant>(files[i].origin).name;
      if (owner.is_model) {
        owner.before = {.model = owner.spec->model, .name_space = owner.spec->name_space};
        owner.before.environment = request_.desired.environment;
        owners_[{owner.spec->model, owner.spec->name_space}] = plan_.owners.size();
      }
      for (auto& one : made_[i]) {
        if (const auto revision = label_of(*one.body, revision_label); owner.is_model && !revision.empty())
          owner.revision = revision;
        if (auto added = add_wanted(std::move(one)); !added) return added.error();
      }
      plan_.owners.push_back(std::move(owner));
    }
    for (const auto& one : request_.desired.unrendered)
      plan_.owners.push_back(left_alone(one, request_.desired.environment));
    return ok();
  }

  // Rendering and hashing are most of the work, and do not depend on each other.
  Status make_bodies() {
    const auto& files = request_.desired.files;
    made_.resize(files.size());
    return in_parallel(files.size(), processors(), [&](std::size_t i) -> Status {
      auto bodies = bodies_of(files[i]);
      if (!bodies) return bodies.error();
      for (auto& body : *bodies) {
        auto hash = digest_of(to_json_text(*body)).hex();
        made_[i].push_back({.key = key_of(*body), .body = std::move(body), .hash = std::move(hash)});
      }
      return ok();
    });
  }

  Status add_wanted(Wanted one) {
    auto resource = discovery_.find(one.key.api_version, one.key.kind);
    if (!resource) return resource.error();
    one.owner = plan_.owners.size();
    one.resource = std::move(*resource);
    if (const auto found = live_.objects.find(one.key); found != live_.objects.end()) one.live = &found->second;
    wanted_.push_back(std::move(one));
    return ok();
  }

  Status read() {
    std::set<std::string> namespaces;
    for (const auto& file : made_)
      for (const auto& one : file) namespaces.insert(one.key.name_space.empty() ? one.key.name : one.key.name_space);
    for (const auto& chosen : request_.desired.models)
      if (!chosen.name_space.empty()) namespaces.insert(chosen.name_space);
    auto live =
        request_.ahead != nullptr ? request_.ahead->take(namespaces) : read_live(cluster_, discovery_, namespaces);
    if (!live) return live.error();
    live_ = std::move(*live);
    return ok();
  }

  // Models that were chosen, have a state here, and should not run any more (or run in another namespace now).
  Status add_states() {
    for (const auto& [key, object] : live_.states) {
      auto state = parse_state(object);
      auto* owner = owner_of(state ? state->model : model_named(object), key.name_space);
      if (owner == nullptr) continue;
      if (!state) {
        owner->refused = state.error();
        continue;
      }
      owner->before = std::move(*state);
      owner->refused = refusal_of(*owner);
    }
    for (auto& owner : plan_.owners)
      if (!owner.refused && owner.spec != nullptr && !request_.force_conflicts) owner.refused = forgotten(owner, live_);
    return ok();
  }

  // nullptr: the model was not chosen.
  OwnerPlan* owner_of(const registry::ModelName& model, const std::string& name_space) {
    const auto [place, is_new] = owners_.emplace(std::pair(model, name_space), plan_.owners.size());
    if (!is_new) return &plan_.owners[place->second];
    if (known_.count(model) == 0) {
      owners_.erase(place);
      return nullptr;
    }
    plan_.owners.push_back({.name = to_string(model), .is_model = true});
    plan_.owners.back().before = {.model = model, .name_space = name_space};
    return &plan_.owners.back();
  }

  [[nodiscard]] std::uint64_t known_of(const registry::ModelName& model) const {
    const auto found = known_.find(model);
    return found == known_.end() ? 0 : found->second;
  }

  [[nodiscard]] std::optional<Error> refusal_of(const OwnerPlan& owner) const {
    const auto& state = owner.before;
    if (state.environment != request_.desired.environment)
      return Error{Error::Kind::conflict,
                   owner.name + " in namespace " + state.name_space + " of context " + cluster_.context() +
                       " belongs to environment " + escape_control(state.environment),
                   "give one of the environments another cluster or namespace"};
    if (owner.spec != nullptr && owner.spec->assignment == 0) return std::nullopt;  // a look
    const auto known =
        owner.spec != nullptr ? static_cast<std::uint64_t>(owner.spec->assignment) : known_of(state.model);
    if (state.assignment > known) return newer_there(owner, known);
    return another_by_that_number(owner);
  }

  Status remember() {
    for (auto& owner : plan_.owners) find_rollout(owner, request_.now, request_.again);
    for (auto& owner : plan_.owners) {
      owner.after = owner.before;
      owner.after.applied.clear();
      owner.after.kinds.clear();
      owner.after.work = {};
    }
    for (const auto& one : wanted_) {
      auto& after = plan_.owners[one.owner].after;
      after.applied[key_in_state(one.key)] = one.hash;
      after.kinds.insert(group_kind(one.key));
      plan_.owners[one.owner].bodies.push_back(one.body);
    }
    return ok();
  }

  // What is surely unchanged is done with here; what is not there yet as well.
  Status compare() {
    for (auto& one : wanted_) {
      auto& owner = plan_.owners[one.owner];
      if (owner.refused || owner.rollout == OwnerPlan::Rollout::runs || owner.rollout == OwnerPlan::Rollout::ends)
        continue;
      if (one.live == nullptr) {
        if (const Json* old = taken_over_by(owner, one.key, live_)) start_as_large(one.body, *old);
        owner.changes.push_back({{Change::Kind::create, one.key, {}, {}}, one.body, "", ""});
        continue;
      }
      if (owner.rollout == OwnerPlan::Rollout::begins) continue;  // what a model has once changes at its end
      const auto name = key_in_state(one.key);
      const auto before = owner.before.applied.find(name);
      // A tenant has no state: what was taken from its configuration only the server knows.
      const bool same_body = before != owner.before.applied.end() && before->second == one.hash;
      if (same_body && lies_in(*one.body, *one.live))
        ++plan_.unchanged;
      else
        doubtful_.push_back(&one);
    }
    return ok();
  }

  Status ask() {
    std::vector<Doubt> doubts;
    for (const auto* one : doubtful_) doubts.push_back({one->resource, one->body.get(), one->live});
    auto answers = dry_run(cluster_, doubts, request_.force_conflicts);
    if (!answers) return answers.error();
    for (std::size_t i = 0; i < answers->size(); ++i) {
      Wanted& one = *doubtful_[i];
      auto& [fields, conflicts] = answers->at(i);
      keep_replicas(one.body, *one.live, fields);
      if (fields.empty() && conflicts.empty())
        ++plan_.unchanged;
      else
        plan_.owners[one.owner].changes.push_back(
            {{Change::Kind::change, one.key, std::move(fields), std::move(conflicts)},
             one.body,
             resource_version_of(*one.live),
             uid_of(*one.live)});
    }
    return ok();
  }

  // What is to be created may be there already, without our labels: ours with its labels cut off, a namespace that
  // somebody made for us, or somebody else's.
  Status look_for_strangers() {
    std::vector<ObjectKey> keys;
    for (const auto& owner : plan_.owners)
      for (const auto& change : owner.changes) keys.push_back(change.change.object);
    auto there = find_strangers(cluster_, discovery_, keys);
    if (!there) return there.error();
    std::vector<Wanted*> adopted;
    for (auto& one : wanted_) {
      const auto found = there->find(one.key);
      if (found == there->end()) continue;
      if (found->second.ours || one.key.kind == "Namespace" || request_.force_conflicts)
        adopted.push_back(&one);
      else
        plan_.owners[one.owner].refused = not_ours(one.key, found->second);
    }
    for (auto& owner : plan_.owners)
      if (owner.refused) owner.changes.clear();
    return adopt(adopted);
  }

  // They are changed, not created: the server is asked what becomes of them.
  Status adopt(const std::vector<Wanted*>& wanted) {
    std::vector<ApiRequest> requests;
    for (const auto* one : wanted)
      requests.push_back({.path = path_of(one->resource, one->key), .about = to_string(one->key)});
    const auto answers = cluster_.send(requests, {});
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (!answers[i]) return answers[i].error();
      if (answers[i]->status == 404) continue;  // it went meanwhile
      if (!is_fine(*answers[i])) return error_of(cluster_, requests[i], *answers[i]);
      auto& owner = plan_.owners[wanted[i]->owner];
      if (owner.refused) continue;
      std::erase_if(owner.changes, [&](const ObjectChange& one) { return one.change.object == wanted[i]->key; });
      wanted[i]->live = &(live_.objects[wanted[i]->key] = Json::parse(answers[i]->body, nullptr, false));
      doubtful_.push_back(wanted[i]);
    }
    return ok();
  }

  // Members of a model's set that are not desired any more.
  Status prune() {
    std::map<std::string, std::size_t> owners;  // by the id of their set
    for (std::size_t i = 0; i < plan_.owners.size(); ++i)
      if (const auto& owner = plan_.owners[i];
          owner.is_model && !owner.refused && owner.rollout == OwnerPlan::Rollout::none)
        owners[applyset_id(owner.before.model, owner.before.name_space)] = i;
    std::set<ObjectKey> desired;
    for (const auto& one : wanted_) desired.insert(one.key);
    for (const auto& [key, object] : live_.objects) {
      if (desired.count(key) != 0) continue;
      const auto found = owners.find(label_of(object, part_of_label));
      if (found == owners.end() || is_going(object)) continue;
      plan_.owners[found->second].changes.push_back(
          {{Change::Kind::remove, key, {}, {}}, nullptr, resource_version_of(object), uid_of(object)});
    }
    return ok();
  }

  void record(OwnerPlan& owner) const {
    if (!owner.is_model) return;
    if (owner.spec == nullptr) {
      owner.after.stable.reset();
      owner.after.rollout.reset();
      owner.after.assignment = std::max(owner.after.assignment, known_of(owner.before.model));
      return;
    }
    const Spec& spec = *owner.spec;
    Serves now{.revision = owner.revision,
               .digest = to_string(spec.digest),
               .version = to_string(spec.version),
               .commit = spec.commit,
               .assignment = static_cast<std::uint64_t>(spec.assignment),
               .since = request_.now,
               .run = request_.run};
    const auto& stable = owner.before.stable;
    if (stable && stable->revision == now.revision) {
      now.since = stable->since;  // the same pods, also under a newer number
      if (stable->assignment == now.assignment) now = *stable;
    }
    if (!stable || stable->revision != now.revision) owner.after.rollout.reset();
    owner.after.stable = now;
    owner.after.assignment = std::max(owner.after.assignment, now.assignment);
  }

  Cluster& cluster_;
  Discovery& discovery_;
  const PlanRequest& request_;
  ClusterPlan plan_;
  std::map<registry::ModelName, std::uint64_t> known_;                         // N that git knows
  std::map<std::pair<registry::ModelName, std::string>, std::size_t> owners_;  // places in plan_, of models
  std::vector<std::vector<Wanted>> made_;                                      // of each file
  std::vector<Wanted> wanted_;
  std::vector<Wanted*> doubtful_;
  Live live_;
};

}  // namespace

ChangeSet change_set(const ClusterPlan& plan) {
  ChangeSet set;
  set.unchanged = plan.unchanged;
  for (const auto& owner : plan.owners)
    for (const auto& change : owner.changes) set.changes.push_back(change.change);
  std::stable_partition(set.changes.begin(), set.changes.end(),
                        [](const Change& change) { return change.kind != Change::Kind::remove; });
  return set;
}

Result<ClusterPlan> plan_cluster(Cluster& cluster, Discovery& discovery, const PlanRequest& request) {
  return Planner(cluster, discovery, request).plan();
}

}  // namespace mlctl::deploy
