#include "deploy/cluster/status_watch.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t few_namespaces = 3;
enum Kind : std::size_t { states, deployments, pods, kinds };

}  // namespace

StatusWatch::StatusWatch(Cluster& cluster, Clock& clock, const Desired& desired, WatchOptions options)
    : cluster_(cluster), clock_(clock), desired_(desired), options_(std::move(options)) {
  const auto namespaces = namespaces_of(desired);
  narrow_ = namespaces.empty() || namespaces.size() <= few_namespaces;
  watch(narrow_ ? namespaces : std::set<std::string>());
}

void StatusWatch::watch(const std::set<std::string>& namespaces) {
  const std::string ours = std::string(managed_label) + "=mlctl";
  std::vector<WatchQuery> queries;
  for (const auto& name : namespaces.empty() ? std::set<std::string>{""} : namespaces) {
    queries.push_back({.list = {{"v1", "ConfigMap", "configmaps", true}, name, ours}});
    queries.push_back({.list = {{"apps/v1", "Deployment", "deployments", true}, name, ours}});
    queries.push_back({.list = {.resource = {"v1", "Pod", "pods", true},
                                .name_space = name,
                                .label_selector = ours,
                                .with_spec = false},
                       .optional = true});
  }
  places_ = queries.size() / kinds;
  watch_ = std::make_unique<Watch>(cluster_, clock_, std::move(queries), options_);
}

Result<bool> StatusWatch::wait(SteadyTime until) {
  auto changed = watch_->wait(until);
  if (changed || narrow_ || changed.error().kind != Error::Kind::credentials) return changed;
  narrow_ = true;  // who may not look at all of them may look at those
  watch(namespaces_of(desired_));
  return watch_->wait(until);
}

std::vector<ModelStatus> StatusWatch::read() const {
  Live live;
  std::vector<const Json*> seen;
  for (std::size_t i = 0; i < places_; ++i) {
    for (const auto& [key, object] : watch_->objects(kinds * i + states))
      if (!label_of(object, "applyset.kubernetes.io/id").empty()) live.states.emplace(key, object);
    const auto& found = watch_->objects(kinds * i + deployments);
    live.objects.insert(found.begin(), found.end());
    for (const auto& [key, pod] : watch_->objects(kinds * i + pods)) seen.push_back(&pod);
  }
  auto all = status_of(desired_, live, Kinds::deployments);
  explain(all, seen);
  return all;
}

}  // namespace mlctl::deploy
