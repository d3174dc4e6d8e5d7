// The writes of apply, in their order.
#include "deploy/cluster/perform.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/interrupt.h"
#include "deploy/cluster/clear_up.h"
#include "deploy/cluster/dry_run.h"
#include "deploy/cluster/live.h"
#include "deploy/cluster/perform_detail.h"
#include "deploy/cluster/revisions.h"
#include "deploy/cluster/routes.h"
#include "deploy/cluster/wait.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;

constexpr int tries = 5;  // of a write that somebody else was faster than
constexpr std::chrono::seconds last_words{5};
// Until proxies have heard of what is there already: gateways gather changes for two seconds. Pods that are ended serve
// on for three more.
constexpr std::chrono::seconds settle_gateways{3}, settle_endpoints{1};

struct Task {
  std::size_t owner = 0;
  const ObjectChange* change = nullptr;
  std::string resource_version;
};

class Performer {
 public:
  Performer(const ClusterPlan& plan, const Writer& writer)
      : plan_(plan),
        cluster_(writer.cluster),
        discovery_(writer.discovery),
        options_(writer.options),
        clock_(writer.clock),
        progress_(writer.progress),
        errors_(plan.owners.size()),
        made_(plan.owners.size()) {}

  Result<std::vector<OwnerOutcome>> perform() {
    for (const auto order : {Order::name_space, Order::quota, Order::account, Order::backend, Order::pods,
                             Order::scaling, Order::traffic, Order::removal}) {
      if (order == Order::backend) keep();
      if (order == Order::traffic) {
        wait();
        check_traffic();
      }
      if (order == Order::removal) follow();
      if (auto done = perform(tasks_of(order)); !done) return done.error();
    }
    if (auto done = record(); !done) return done.error();
    retire();
    std::vector<OwnerOutcome> out;
    for (std::size_t i = 0; i < plan_.owners.size(); ++i)
      if (!made_[i].empty() || errors_[i])
        out.push_back({plan_.owners[i].name, made(i), errors_[i], not_ready_.count(i) != 0});
    return out;
  }

 private:
  // In their order, also where one of them had to be tried again.
  [[nodiscard]] std::vector<Change> made(std::size_t index) const {
    const auto& owner = plan_.owners[index];
    auto changes = made_[index];
    std::sort(changes.begin(), changes.end(), [&](const auto* a, const auto* b) {
      return std::pair(order_of(owner, *a), a) < std::pair(order_of(owner, *b), b);
    });
    std::vector<Change> out;
    for (const auto* change : changes) out.push_back(change->change);
    return out;
  }

  [[nodiscard]] std::vector<Task> tasks_of(Order order) const {
    std::vector<Task> tasks;
    for (std::size_t i = 0; i < plan_.owners.size(); ++i)
      for (const auto& change : plan_.owners[i].changes)
        if (!errors_[i] && order_of(plan_.owners[i], change) == order)
          tasks.push_back({i, &change, change.resource_version});
    return tasks;
  }

  // Every write carries the version of a read that showed our own epoch; whoever was faster makes us read again.
  Status perform(std::vector<Task> tasks) {
    for (int i = 0; i < tries && !tasks.empty(); ++i) {
      std::vector<ApiRequest> requests;
      for (const auto& task : tasks) {
        auto request = request_of(task);
        if (!request) return request.error();
        requests.push_back(std::move(*request));
      }
      auto answers = cluster_.send(requests, {});
      std::vector<Task> again;
      for (std::size_t j = 0; j < tasks.size(); ++j) take_answer(tasks[j], requests[j], answers[j], again);
      if (auto read = read_again(again); !read) return read;
      tasks = std::move(again);
    }
    for (const auto& task : tasks)
      fail(task.owner,
           {Error::Kind::conflict, to_string(task.change->change.object) + ": somebody else changes it all the time",
            "run the command again"});
    return ok();
  }

  Result<ApiRequest> request_of(const Task& task) {
    const auto& key = task.change->change.object;
    auto resource = discovery_.find(key.api_version, key.kind);
    if (!resource) return resource.error();
    if (task.change->body != nullptr) {
      Json body = *task.change->body;
      if (!task.resource_version.empty()) body["metadata"]["resourceVersion"] = task.resource_version;
      return apply_request(*resource, body, {.force = options_.force_conflicts});
    }
    return removal_request(*resource, key, {task.change->uid, task.resource_version});
  }

  void take_answer(const Task& task, const ApiRequest& request, const Result<ApiAnswer>& answer,
                   std::vector<Task>& again) {
    if (!answer) return fail(task.owner, answer.error());
    const bool gone = task.change->body == nullptr && answer->status == 404;
    if (is_fine(*answer) || gone) {
      made_[task.owner].push_back(task.change);
    } else if (answer->status == 409 && conflicts_of(*answer).empty()) {
      again.push_back(task);
    } else {
      fail(task.owner, error_of(cluster_, request, *answer));
    }
  }

  // What is created carries no version: nothing else keeps it from being written over what a newer one has made.
  void check_traffic() {
    std::set<std::size_t> owners;
    for (const auto& task : tasks_of(Order::traffic))
      if (task.resource_version.empty()) owners.insert(task.owner);
    check_ours(owners);
  }

  // New versions of what was changed, of models whose state is still ours.
  Status read_again(std::vector<Task>& tasks) {
    std::vector<ApiRequest> requests;
    for (const auto& task : tasks) {
      const auto& key = task.change->change.object;
      auto resource = discovery_.find(key.api_version, key.kind);
      if (!resource) return resource.error();
      requests.push_back({.path = path_of(*resource, key), .about = to_string(key)});
    }
    // First what is there, then whose it is: a version that was read after that may be another's already.
    auto answers = cluster_.send(requests, {});
    std::set<std::size_t> owners;
    for (const auto& task : tasks) owners.insert(task.owner);
    check_ours(owners);
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      const auto& answer = answers[i];
      if (!answer) {
        fail(tasks[i].owner, answer.error());
      } else if (answer->status == 404) {
        tasks[i].resource_version.clear();
      } else if (!is_fine(*answer)) {
        fail(tasks[i].owner, error_of(cluster_, requests[i], *answer));
      } else {
        tasks[i].resource_version = resource_version_of(Json::parse(answer->body, nullptr, false));
      }
    }
    std::erase_if(tasks, [&](const Task& task) { return errors_[task.owner].has_value(); });
    return ok();
  }

  // A model whose state somebody else has by now has failed.
  void check_ours(const std::set<std::size_t>& owners) {
    std::vector<ApiRequest> requests;
    std::vector<std::size_t> places;
    for (const auto i : owners) {
      if (!plan_.owners[i].is_model || errors_[i]) continue;
      requests.push_back({.path = path_of_state(plan_.owners[i]), .about = "state of " + plan_.owners[i].name});
      places.push_back(i);
    }
    const auto answers = cluster_.send(requests, {});
    for (std::size_t i = 0; i < answers.size(); ++i) {
      const auto state = state_from(cluster_, requests[i], answers[i]);
      if (!state)
        fail(places[i], state.error());
      else if (state->epoch != plan_.owners[places[i]].before.epoch)
        fail(places[i], taken_over(plan_.owners[places[i]], *state));
    }
  }

  // Where one revision takes over from another, nothing is switched to pods that are not ready.
  void wait() {
    std::vector<std::size_t> owners;
    std::vector<Awaited> all;
    for (std::size_t i = 0; i < plan_.owners.size(); ++i)
      if (auto one = errors_[i] ? std::nullopt : awaited(plan_.owners[i], options_.wait)) {
        owners.push_back(i);
        all.push_back(std::move(*one));
      }
    const auto errors = wait_until_ready(all, options_.ready_limit, {cluster_, clock_, progress_});
    for (std::size_t i = 0; i < owners.size(); ++i) {
      if (!errors[i]) continue;
      if (errors[i]->judged) not_ready_.insert(owners[i]);
      fail(owners[i], errors[i]->error);
    }
  }

  // What is about to serve is kept before it does: whatever happens later, the way back to it is there.
  void keep() {
    std::vector<std::size_t> owners;
    std::vector<Json> records;
    for (std::size_t i = 0; i < plan_.owners.size(); ++i) {
      const auto& owner = plan_.owners[i];
      if (errors_[i] || owner.spec == nullptr || !owner.after.stable) continue;
      Objects objects;
      for (const auto& body : owner.bodies) objects.push_back(*body);
      owners.push_back(i);
      records.push_back(kept_revision(owner.after, *owner.after.stable, objects));
    }
    const auto kept = keep_revisions(cluster_, discovery_, records);
    for (std::size_t i = 0; i < kept.size(); ++i)
      if (!kept[i]) fail(owners[i], kept[i].error());
  }

  // Where something else serves now, or nothing.
  void retire() {
    std::vector<const ModelState*> states;
    for (std::size_t i = 0; i < plan_.owners.size(); ++i) {
      const auto& [before, after] = std::pair(plan_.owners[i].before.stable, plan_.owners[i].after.stable);
      if (!errors_[i] && plan_.owners[i].is_model && before && (!after || after->revision != before->revision))
        states.push_back(&plan_.owners[i].after);
    }
    retire_revisions(cluster_, discovery_, states);
  }

  // Nothing that served goes before its traffic has gone elsewhere (rollout.md, rule 9): its gateway follows the route,
  // also one that was written by an apply before, and everybody has heard of it. Pods then end the requests that they
  // have. Whoever took over meanwhile decides what goes.
  void follow() {
    std::vector<std::size_t> owners;
    std::vector<ObjectKey> routes;
    for (std::size_t i = 0; i < plan_.owners.size(); ++i) {
      const auto& owner = plan_.owners[i];
      if (errors_[i] || owner.spec == nullptr || (!options_.wait && !goes_over(plan_.owners[i]))) continue;
      for (const auto& body : owner.bodies)
        if (auto key = key_of(*body); key.kind == "HTTPRoute") {
          owners.push_back(i);
          routes.push_back(std::move(key));
        }
    }
    const auto errors = wait_for_routes(routes, cluster_, clock_, progress_);
    for (std::size_t i = 0; i < errors.size(); ++i)
      if (errors[i]) {
        unfollowed_.insert(owners[i]);
        fail(owners[i], *errors[i]);
      }
    std::vector<std::size_t> moved;
    for (std::size_t i = 0; i < plan_.owners.size(); ++i)
      if (!errors_[i] && goes_over(plan_.owners[i])) moved.push_back(i);
    if (moved.empty()) return;
    if (interrupted()) {
      for (const auto i : moved) fail(i, interrupted_error());
      return;
    }
    clock_.sleep_until(clock_.steady() + (routes.empty() ? settle_endpoints : settle_gateways));
    check_ours({moved.begin(), moved.end()});
  }

  // The states: what was reached, and that nobody works on it any more.
  Status record() {
    const LastWords allowed(last_words);  // after Ctrl-C too: nobody is to be told that we still work on it
    std::vector<ApiRequest> requests;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < plan_.owners.size(); ++i) {
      const auto& owner = plan_.owners[i];
      if (!owner.is_model || owner.before.resource_version.empty()) continue;
      ModelState state = errors_[i] ? half_done(owner, made_[i], unfollowed_.count(i) != 0) : owner.after;
      state.epoch = owner.before.epoch;
      state.work = {};
      state.resource_version = owner.before.resource_version;
      requests.push_back({.method = "PUT",
                          .path = path_of_state(owner),
                          .query = {{"fieldManager", field_manager}},
                          .body = to_object(state).dump(),
                          .content_type = "application/json",
                          .about = "state of " + owner.name});
      places.push_back(i);
    }
    const auto answers = cluster_.send(requests, {});
    for (std::size_t i = 0; i < answers.size(); ++i) {
      const auto& answer = answers[i];
      if (!answer)
        fail(places[i], answer.error());
      else if (answer->status == 409 && !stands(cluster_, requests[i]))
        lose(places[i]);
      else if (answer->status == 409)
        continue;  // it was written, and nobody could say so
      else if (!is_fine(*answer))
        fail(places[i], error_of(cluster_, requests[i], *answer));
    }
    return ok();
  }

  // Whoever has the model now does not know of what was made for it since.
  void lose(std::size_t index) {
    const auto& owner = plan_.owners[index];
    fail(index, taken_over(owner, {}));
    std::vector<ObjectKey> created;
    bool served = false;
    for (const auto* made : made_[index]) {
      served = served || order_of(owner, *made) == Order::traffic;
      if (made->change.kind == Change::Kind::create) created.push_back(made->change.object);
    }
    const Lost lost{owner.before, owner.revision, created};
    const auto assignment = owner.after.stable ? owner.after.stable->assignment : 0;
    if (!served || is_superseded(cluster_, clock_, lost, assignment)) clear_up(cluster_, discovery_, lost);
  }

  void fail(std::size_t index, const Error& error) {
    if (!errors_[index]) errors_[index] = error;
  }

  const ClusterPlan& plan_;
  Cluster& cluster_;
  Discovery& discovery_;
  const ClusterApplyOptions& options_;
  Clock& clock_;
  Progress& progress_;
  std::vector<std::optional<Error>> errors_;
  std::vector<std::vector<const ObjectChange*>> made_;
  std::set<std::size_t> not_ready_, unfollowed_;
};

}  // namespace

Result<std::vector<OwnerOutcome>> perform_plan(const ClusterPlan& plan, const Writer& writer) {
  return Performer(plan, writer).perform();
}

std::string state_path(const registry::ModelName& model, const std::string& name_space) {
  return path_of({"v1", "ConfigMap", "configmaps", true}, ObjectKey{"v1", "ConfigMap", name_space, state_name(model)});
}

}  // namespace mlctl::deploy
