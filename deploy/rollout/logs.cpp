#include "deploy/rollout/logs.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/terminal.h"
#include "deploy/cluster/list.h"
#include "deploy/cluster/live.h"
#include "deploy/cluster/pods.h"

namespace mlctl::deploy {
namespace {

constexpr const char* container = "server";  // of deploy/pod.cpp; others may have been added beside it
constexpr std::size_t pods_at_once = 16;

int rank_of(const Arm& arm) {
  return arm.name == "stable" ? 0 : arm.name == "canary" ? 1 : arm.name == "before" ? 2 : 3;
}

Result<ModelState> state_of(Cluster& cluster, const RolloutPlace& place) {
  auto found = read_state(cluster, place.model, place.name_space);
  if (!found) return found.error();
  const auto name = to_string(place.model);
  if (!found->state)
    return Error{Error::Kind::not_found,
                 "nothing of " + name + " is in namespace " + place.name_space + " of context " + cluster.context(),
                 "`mlctl apply " + name + " --env " + place.environment + "` first"};
  if (found->state->environment != place.environment)
    return Error{Error::Kind::conflict,
                 name + " in namespace " + place.name_space + " belongs to environment " +
                     escape_control(found->state->environment),
                 ""};
  return std::move(*found->state);
}

std::string said_of(const PodTrouble& trouble) {
  if (trouble.kind == PodTrouble::Kind::none) return "";
  return std::string(to_string(trouble.kind)) + (trouble.reason.empty() ? "" : ": " + trouble.reason);
}

Result<std::vector<PodLog>> find_pods(Cluster& cluster, const RolloutPlace& place, const ModelState& state) {
  auto lists = list_all(cluster, {{{"v1", "Pod", "pods", true},
                                   place.name_space,
                                   "app.kubernetes.io/name=" + place.model.name + "," + managed_label + "=mlctl"}});
  if (!lists) return lists.error();
  std::vector<PodLog> out;
  for (const auto& pod : lists->front().items) {
    const auto revision = label_of(pod, revision_label);
    // Of a pod that no node has, the server has an empty log.
    out.push_back({.arm = arm_of(state, revision),
                   .revision = revision,
                   .pod = key_of(pod).name,
                   .missing = said_of(trouble_of(pod))});
  }
  std::sort(out.begin(), out.end(), [](const PodLog& a, const PodLog& b) {
    return std::pair(rank_of(a.arm), a.pod) < std::pair(rank_of(b.arm), b.pod);
  });
  return out;
}

ApiRequest log_request(const RolloutPlace& place, const std::string& pod, const LogRequest& request) {
  ApiRequest out{.path = path_of({"v1", "Pod", "pods", true}, {"v1", "Pod", place.name_space, pod}) + "/log",
                 .query = {{"container", container},
                           {"tailLines", std::to_string(request.tail)},
                           {"limitBytes", std::to_string(logged_bytes)}},
                 .accept = "*/*",
                 .about = "log of pod " + pod,
                 .limit = 2 * logged_bytes};
  if (request.previous) out.query.emplace_back("previous", "true");
  return out;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    out.push_back(text.substr(begin, end - begin));
    if (out.back().ends_with('\r')) out.back().pop_back();
    begin = end + 1;
  }
  return out;
}

Status ask(Cluster& cluster, const RolloutPlace& place, const LogRequest& request, PodLog* first, std::size_t count) {
  std::vector<ApiRequest> requests;
  for (std::size_t i = 0; i < count; ++i) requests.push_back(log_request(place, first[i].pod, request));
  const auto answers = cluster.send(requests, {});
  for (std::size_t i = 0; i < count; ++i) {
    if (!answers[i]) return answers[i].error();
    PodLog& log = first[i];
    if (is_fine(*answers[i])) {
      log.cut = answers[i]->body.size() >= logged_bytes;
      log.lines = lines_of(answers[i]->body);
      if (!log.lines.empty()) log.missing.clear();
      continue;
    }
    const auto error = error_of(cluster, requests[i], *answers[i]);
    if (error.kind == Error::Kind::credentials) return error;
    log.missing = error.message;
  }
  return ok();
}

}  // namespace

Arm arm_of(const ModelState& state, const std::string& revision) {
  if (state.stable && state.stable->revision == revision) return {"stable", state.stable->version};
  if (!state.rollout) return {"other", ""};
  const auto& rollout = *state.rollout;
  if (rollout.candidate.revision == revision) return {"canary", rollout.candidate.version};
  if (rollout.baseline.revision == revision) return {"before", rollout.baseline.version};
  return {"other", ""};
}

Result<Logs> read_logs(Cluster& cluster, const RolloutPlace& place, const LogRequest& request) {
  auto state = state_of(cluster, place);
  if (!state) return state.error();
  auto pods = find_pods(cluster, place, *state);
  if (!pods) return pods.error();
  Logs out{std::move(*pods), 0};
  if (out.pods.size() > logged_pods) {
    out.more = out.pods.size() - logged_pods;
    out.pods.resize(logged_pods);
  }
  for (std::size_t i = 0; i < out.pods.size(); i += pods_at_once) {
    const auto count = std::min(pods_at_once, out.pods.size() - i);
    if (auto asked = ask(cluster, place, request, &out.pods[i], count); !asked) return asked.error();
  }
  return out;
}

}  // namespace mlctl::deploy
