#include "deploy/cluster/perform_detail.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/terminal.h"
#include "deploy/cluster/fields.h"
#include "deploy/cluster/perform.h"

namespace mlctl::deploy {
namespace {

bool removes_pods(const ObjectChange& change) {
  return change.change.kind == Change::Kind::remove && change.change.object.kind == "Deployment";
}

}  // namespace

Order order_of(const OwnerPlan& owner, const ObjectChange& change) {
  const auto& key = change.change.object;
  if (change.change.kind == Change::Kind::remove) return Order::removal;
  if (key.kind == "Namespace") return Order::name_space;
  if (key.kind == "ResourceQuota") return Order::quota;
  if (key.kind == "HTTPRoute" || (owner.is_model && key.kind == "Service" && key.name == owner.before.model.name))
    return Order::traffic;
  if (key.kind == "Service") return Order::backend;
  if (key.kind == "Deployment") return Order::pods;
  if (key.kind == "HorizontalPodAutoscaler" || key.kind == "PodDisruptionBudget" || key.kind == "PodMonitor")
    return Order::scaling;
  return Order::account;
}

bool goes_over(const OwnerPlan& owner) {
  return owner.spec != nullptr && std::any_of(owner.changes.begin(), owner.changes.end(), removes_pods);
}

std::optional<Awaited> awaited(const OwnerPlan& owner, bool all) {
  if (owner.spec == nullptr || !owner.after.stable || owner.changes.empty()) return std::nullopt;
  const auto& before = owner.before.stable;
  const bool forgotten =  // its state was gone: something served
      !before && std::any_of(owner.changes.begin(), owner.changes.end(), removes_pods);
  const bool replaces = forgotten || (before && before->revision != owner.after.stable->revision);
  if (!replaces && !all) return std::nullopt;
  Awaited out{.deployment = {"apps/v1", "Deployment", owner.spec->name_space,
                             owner.spec->model.name + "-" + owner.after.stable->revision},
              .model = to_string(owner.spec->model)};
  if (before && replaces) out.serving = before->version;
  for (const auto& change : owner.changes)
    if (order_of(owner, change) == Order::traffic) out.goes_over.push_back(to_string(change.change.object));
  return out;
}

ModelState half_done(const OwnerPlan& owner, const std::vector<const ObjectChange*>& made, bool unfollowed) {
  ModelState state = owner.before;
  state.kinds.insert(owner.after.kinds.begin(), owner.after.kinds.end());
  for (const auto* one : made) {
    const auto name = key_in_state(one->change.object);
    const auto hash = owner.after.applied.find(name);
    if (hash != owner.after.applied.end())
      state.applied[name] = hash->second;
    else
      state.applied.erase(name);
  }
  // Nothing else did, and the next version is to find what serves.
  const auto is_traffic = [&](const ObjectChange& one) { return order_of(owner, one) == Order::traffic; };
  const auto served = std::count_if(made.begin(), made.end(), [&](const auto* one) { return is_traffic(*one); });
  if (!state.stable && served > 0 && served == std::count_if(owner.changes.begin(), owner.changes.end(), is_traffic))
    state.stable = owner.after.stable;
  if (unfollowed) std::erase_if(state.applied, [](const auto& one) { return one.first.starts_with("HTTPRoute."); });
  return state;
}

Error taken_over(const OwnerPlan& owner, const ModelState& state) {
  return {Error::Kind::conflict,
          owner.name + " was taken over" + (state.work.who.empty() ? "" : " by " + escape_control(state.work.who)),
          "what runs is that one's business now: `mlctl diff` shows what is left"};
}

std::string path_of_state(const OwnerPlan& owner) {
  return state_path(owner.before.model, owner.before.name_space);
}

Result<ModelState> state_from(const Cluster& cluster, const ApiRequest& request, const Result<ApiAnswer>& answer) {
  if (!answer) return answer.error();
  if (!is_fine(*answer)) return error_of(cluster, request, *answer);
  return parse_state(nlohmann::ordered_json::parse(answer->body, nullptr, false));
}

bool stands(Cluster& cluster, const ApiRequest& write) {
  using Json = nlohmann::ordered_json;
  const auto answer = send_one(cluster, {.path = write.path, .about = write.about});
  if (!answer) return false;
  const Json there = Json::parse(answer->body, nullptr, false), sent = Json::parse(write.body, nullptr, false);
  return field(sent, "data").is_object() && field(there, "data") == field(sent, "data");
}

}  // namespace mlctl::deploy
