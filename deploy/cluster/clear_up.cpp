#include "deploy/cluster/clear_up.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/interrupt.h"
#include "deploy/cluster/dry_run.h"
#include "deploy/cluster/live.h"
#include "deploy/cluster/perform.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;

constexpr int tries = 5;  // controllers write to what is new
constexpr std::chrono::seconds patience{30}, look_again{1};

bool is_wanted(const ModelState& state, const std::string& revision) {
  if (state.stable && state.stable->revision == revision) return true;
  if (state.work.revision == revision) return true;
  return state.rollout &&
         (state.rollout->baseline.revision == revision || state.rollout->candidate.revision == revision);
}

// nullopt: it cannot be read, or nobody has taken the model.
std::optional<ModelState> state_since(Cluster& cluster, const Lost& lost) {
  auto answer =
      send_one(cluster, {.path = state_path(lost.state.model, lost.state.name_space), .about = "state of a model"});
  if (!answer) return std::nullopt;
  auto now = parse_state(Json::parse(answer->body, nullptr, false));
  if (!now || now->epoch <= lost.state.epoch) return std::nullopt;
  return std::move(*now);
}

bool is_lost(Cluster& cluster, const Lost& lost) {
  const auto now = state_since(cluster, lost);
  return now && !is_wanted(*now, lost.revision);
}

std::vector<ApiRequest> removals(Cluster& cluster, Discovery& discovery, const Lost& lost) {
  std::vector<ApiRequest> reads, out;
  std::vector<Resource> resources;
  for (const auto& key : lost.created) {
    auto resource = discovery.find(key.api_version, key.kind);
    if (!resource) continue;
    reads.push_back({.path = path_of(*resource, key), .about = to_string(key)});
    resources.push_back(std::move(*resource));
  }
  const auto answers = cluster.send(reads, {});
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (!answers[i] || !is_fine(*answers[i])) continue;
    const Json object = Json::parse(answers[i]->body, nullptr, false);
    if (label_of(object, revision_label) == lost.revision && !is_going(object))
      out.push_back(removal_request(resources[i], key_of(object), {uid_of(object), resource_version_of(object)}));
  }
  return out;
}

}  // namespace

bool is_superseded(Cluster& cluster, Clock& clock, const Lost& lost, std::uint64_t assignment) {
  for (const auto deadline = clock.steady() + patience; !interrupted() && clock.steady() < deadline;
       clock.sleep_until(clock.steady() + look_again)) {
    const auto now = state_since(cluster, lost);
    if (!now) return false;
    if (!now->work.who.empty()) continue;
    // A route that its gateway was not seen to follow is not noted as applied.
    const bool follows = now->kinds.count("HTTPRoute.gateway.networking.k8s.io") == 0 ||
                         std::any_of(now->applied.begin(), now->applied.end(),
                                     [](const auto& one) { return one.first.starts_with("HTTPRoute."); });
    return follows && now->stable && now->stable->assignment > assignment;
  }
  return false;
}

void clear_up(Cluster& cluster, Discovery& discovery, const Lost& lost) {
  for (int i = 0; i < tries; ++i) {
    // Read before the state is asked. Whoever takes the model after that and wants them too writes to them, which stops
    // this, or waits for pods that are gone: nothing without pods is given traffic.
    const auto requests = removals(cluster, discovery, lost);
    if (requests.empty() || !is_lost(cluster, lost)) return;
    const auto answers = cluster.send(requests, {});
    const bool again = std::any_of(answers.begin(), answers.end(),
                                   [](const Result<ApiAnswer>& one) { return one && one->status == 409; });
    if (!again) return;
  }
}

}  // namespace mlctl::deploy
