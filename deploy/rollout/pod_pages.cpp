#include "deploy/rollout/pod_pages.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>

#include "deploy/cluster/live.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t page_limit = 4U << 20U;  // bytes that one pod may say
constexpr std::size_t pods_at_once = 32;

ApiRequest pod_request(const std::string& name_space, const std::string& pod, const Counting& counting) {
  return {.path = "/api/v1/namespaces/" + name_space + "/pods/" + pod + ":" + std::to_string(counting.port) + "/proxy" +
                  counting.path,
          .accept = "text/plain",
          .about = "what pod " + pod + " counts",
          .as_it_comes = true,
          .patience = patience_with_counters,
          .limit = page_limit};
}

struct PodAnswers {
  std::map<std::string, PodSample> samples;
  std::size_t answered = 0;
  std::optional<Error> first;  // of those that did not
};

void ask_some_pods(const RolloutSeams& seams, std::span<const Json* const> pods, const Counting& counting,
                   PodAnswers& into) {
  std::vector<ApiRequest> requests;
  for (const Json* pod : pods) {
    const auto key = key_of(*pod);
    requests.push_back(pod_request(key.name_space, key.name, counting));
  }
  const auto answers = seams.cluster.send(requests, {});
  for (std::size_t i = 0; i < answers.size(); ++i) {
    std::optional<Error> error;
    if (!answers[i] || !is_fine(*answers[i])) {
      error = answers[i] ? error_of(seams.cluster, requests[i], *answers[i]) : answers[i].error();
    } else if (auto sample = parse_exposition(answers[i]->body, counting.names); !sample) {
      error = sample.error().context(requests[i].about);
    } else {
      ++into.answered;
      if (*sample) into.samples[key_of(*pods[i]).name] = **sample;
    }
    if (error && !into.first) into.first = error;
  }
}

}  // namespace

Result<std::map<std::string, PodSample>> ask_pods(const RolloutSeams& seams, const std::vector<const Json*>& pods,
                                                  const Counting& counting) {
  PodAnswers all;
  const std::span<const Json* const> every(pods);
  for (std::size_t i = 0; i < pods.size(); i += pods_at_once)
    ask_some_pods(seams, every.subspan(i, std::min(pods_at_once, pods.size() - i)), counting, all);
  if (all.answered == 0 && all.first) return *all.first;
  return std::move(all.samples);
}

}  // namespace mlctl::deploy
