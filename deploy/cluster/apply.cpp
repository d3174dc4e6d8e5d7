#include "deploy/cluster/apply.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/interrupt.h"
#include "base/terminal.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;

constexpr int tries = 5;  // of taking the locks, when others are faster
constexpr std::chrono::seconds last_words{5};

Error owned_by_others(const OwnerPlan& owner) {
  std::string message;
  for (const auto& change : owner.changes)
    for (const auto& [field, who] : change.change.conflicts)
      message += (message.empty() ? "" : "\n") + to_string(change.change.object) + ": " + escape_control(field) +
                 " is owned by " + escape_control(who);
  return {Error::Kind::conflict, message, "`--force-conflicts` takes these fields over"};
}

bool has_conflicts(const OwnerPlan& owner) {
  return std::any_of(owner.changes.begin(), owner.changes.end(),
                     [](const ObjectChange& change) { return !change.change.conflicts.empty(); });
}

ApiRequest lock_request(const OwnerPlan& owner, const std::string& run, const std::string& now) {
  ModelState state = owner.before;
  ++state.epoch;
  state.work = {run, now, owner.spec == nullptr ? "" : owner.revision};
  state.assignment = std::max(owner.before.assignment, owner.after.assignment);
  state.kinds.insert(owner.after.kinds.begin(), owner.after.kinds.end());
  const bool is_new = state.resource_version.empty();
  auto path = state_path(state.model, state.name_space);
  if (is_new) path.resize(path.rfind('/'));
  return {.method = is_new ? "POST" : "PUT",
          .path = path,
          .query = {{"fieldManager", field_manager}},
          .body = to_object(state).dump(),
          .content_type = "application/json",
          .about = "state of " + owner.name,
          .again = !is_new};
}

// The owners that are models and have something to do, or the others.
ClusterPlan part_of(const ClusterPlan& plan, bool models) {
  ClusterPlan out;
  for (const auto& owner : plan.owners)
    if (owner.is_model == models && owner.rollout == OwnerPlan::Rollout::none && !owner.changes_nothing())
      out.owners.push_back(owner);
  return out;
}

class Locker {
 public:
  Locker(const Desired& desired, const Writer& writer)
      : request_{.desired = desired,
                 .force_conflicts = writer.options.force_conflicts,
                 .now = rfc3339(writer.clock.wall()),
                 .run = writer.options.run,
                 .wants_room = false},
        writer_(writer) {}

  // The plan as it is when all of its models are ours; those that are not to be had are among `lost`. What was taken
  // and is in no plan is given back.
  Result<ClusterPlan> lock(ClusterPlan plan, std::vector<OwnerOutcome>& lost) {
    for (const auto& owner : plan.owners) names_.insert(owner.name);
    auto locked = try_to_lock(std::move(plan), lost);
    std::set<std::string> kept;
    if (locked)
      for (const auto& owner : locked->owners) kept.insert(place_of(owner));
    give_back(kept);
    return locked;
  }

 private:
  // A model that moves to another namespace has a state in each.
  static std::string place_of(const OwnerPlan& owner) { return owner.before.name_space + "/" + owner.name; }

  Result<ClusterPlan> try_to_lock(ClusterPlan plan, std::vector<OwnerOutcome>& lost) {
    for (int i = 0; i < tries; ++i) {
      auto open = take(plan, lost);
      if (!open) return open.error();
      auto again = plan_cluster(writer_.cluster, writer_.discovery, request_);
      if (!again) return again.error();
      plan = part_of(*again, true);
      std::erase_if(plan.owners, [&](const OwnerPlan& owner) { return names_.count(owner.name) == 0; });
      for (const auto& owner : again->owners)
        if (owner.refused && names_.count(owner.name) != 0) refused_.insert_or_assign(owner.name, *owner.refused);
      if (*open == 0) break;
    }
    return ours(plan, lost);
  }

  // How many others were faster with: these are planned again.
  Result<std::size_t> take(const ClusterPlan& plan, std::vector<OwnerOutcome>& lost) {
    std::vector<ApiRequest> requests;
    std::vector<const OwnerPlan*> owners;
    for (const auto& owner : plan.owners) {
      if (is_ours(owner)) continue;
      if (has_conflicts(owner) && !request_.force_conflicts) continue;
      requests.push_back(lock_request(owner, request_.run, request_.now));
      owners.push_back(&owner);
    }
    const auto answers = writer_.cluster.send(requests, {});
    std::size_t faster = 0;
    std::optional<Error> first;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (!answers[i]) {
        if (!first) first = answers[i].error();
      } else if (is_fine(*answers[i])) {
        if (auto state = parse_state(Json::parse(answers[i]->body, nullptr, false)))
          taken_.insert_or_assign(place_of(*owners[i]), std::move(*state));
      } else if (answers[i]->status == 409) {
        ++faster;
      } else {
        lost.push_back({owners[i]->name, {}, error_of(writer_.cluster, requests[i], *answers[i])});
      }
    }
    if (first) return *first;
    return faster;
  }

  [[nodiscard]] bool is_ours(const OwnerPlan& owner) const {
    const auto taken = taken_.find(place_of(owner));
    return taken != taken_.end() && taken->second.epoch == owner.before.epoch;
  }

  // Nothing was done with them, after Ctrl-C for one: nobody is to be told that we still work on them.
  void give_back(const std::set<std::string>& kept) {
    std::vector<ApiRequest> requests;
    for (auto& [place, state] : taken_) {
      if (kept.count(place) != 0) continue;
      state.work = {};
      requests.push_back({.method = "PUT",
                          .path = state_path(state.model, state.name_space),
                          .query = {{"fieldManager", field_manager}},
                          .body = to_object(state).dump(),
                          .content_type = "application/json",
                          .about = "state of " + to_string(state.model)});
    }
    if (requests.empty()) return;
    const LastWords allowed(last_words);
    static_cast<void>(writer_.cluster.send(requests, {}));
  }

  ClusterPlan ours(const ClusterPlan& plan, std::vector<OwnerOutcome>& lost) {
    ClusterPlan out;
    for (const auto& [name, error] : refused_) lost.push_back({name, {}, error});
    std::set<std::string> gone;
    for (const auto& one : lost) gone.insert(one.name);
    for (const auto& owner : plan.owners) {
      if (gone.count(owner.name) != 0) continue;
      if (is_ours(owner))
        out.owners.push_back(owner);
      else if (has_conflicts(owner) && !request_.force_conflicts)
        lost.push_back({owner.name, {}, owned_by_others(owner)});
      else
        lost.push_back(
            {owner.name,
             {},
             Error{Error::Kind::conflict,
                   owner.name + " is being changed by " +
                       (owner.before.work.who.empty() ? "somebody else" : escape_control(owner.before.work.who)),
                   "run the command again"}});
    }
    return out;
  }

  PlanRequest request_;
  const Writer& writer_;
  std::set<std::string> names_;              // of the models that there is something to do for
  std::map<std::string, Error> refused_;     // that became impossible meanwhile
  std::map<std::string, ModelState> taken_;  // as we wrote them, by namespace and name
};

}  // namespace

Status may_apply(const ClusterPlan& plan, const std::string& environment, bool force_conflicts) {
  for (const auto& owner : plan.owners) {
    if (owner.spec == nullptr || owner.changes_nothing()) continue;
    const Spec& spec = *owner.spec;
    if (spec.assignment == 0)
      return Error{Error::Kind::usage,
                   owner.name + " " + to_string(spec.version) + " is not assigned to " + environment,
                   "`mlctl assign " + owner.name + "@" + to_string(spec.version) + " " + environment + "` first"};
  }
  for (const auto& owner : plan.owners)
    if (has_conflicts(owner) && !force_conflicts) return owned_by_others(owner);
  return ok();
}

Result<ClusterApplyReport> apply_cluster(const Desired& desired, const ClusterPlan& plan, const Writer& writer) {
  if (auto may = may_apply(plan, desired.environment, writer.options.force_conflicts); !may) return may.error();
  ClusterApplyReport report;
  report.unchanged = plan.unchanged;
  auto tenants = perform_plan(part_of(plan, false), writer);
  if (!tenants) return tenants.error();
  report.owners = std::move(*tenants);
  const auto wanted = part_of(plan, true);
  if (wanted.owners.empty()) return report;
  for (const auto& owner : wanted.owners)
    if (!owner.before.work.who.empty())
      report.notes.push_back(owner.name + ": took over from " + owner.before.work.who + ", which began at " +
                             owner.before.work.since);
  auto locked = Locker(desired, writer).lock(wanted, report.owners);
  if (!locked) return locked.error();
  auto done = perform_plan(*locked, writer);
  if (!done) return done.error();
  std::move(done->begin(), done->end(), std::back_inserter(report.owners));
  return report;
}

}  // namespace mlctl::deploy
