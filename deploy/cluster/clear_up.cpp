#include "deploy/cluster/clear_up.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "deploy/cluster/dry_run.h"
#include "deploy/cluster/live.h"
#include "deploy/cluster/perform.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;

constexpr int tries = 5;  // controllers write to what is new

bool is_wanted(const ModelState& state, const std::string& revision) {
  if (state.stable && state.stable->revision == revision) return true;
  if (state.work.revision == revision) return true;
  return state.rollout &&
         (state.rollout->baseline.revision == revision || state.rollout->candidate.revision == revision);
}

bool is_lost(Cluster& cluster, const Lost& lost) {
  auto answer =
      send_one(cluster, {.path = state_path(lost.state.model, lost.state.name_space), .about = "state of a model"});
  if (!answer) return false;
  const auto now = parse_state(Json::parse(answer->body, nullptr, false));
  return now && now->epoch > lost.state.epoch && !is_wanted(*now, lost.revision);
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
