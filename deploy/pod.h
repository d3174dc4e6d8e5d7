// The pod template of a model version: restricted pod security, read-only root, limits, digests only.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "deploy/objects.h"
#include "deploy/rollout/samples.h"

namespace mlctl::deploy {

// How a runtime's image is started, probed and configured; a table, keyed by `runtimes.*.profile`.
struct RuntimeProfile {
  const char* name;
  int http_port, grpc_port, metrics_port;
  const char* ready;  // HTTP paths
  const char* live;
  std::vector<std::string> args;                         // none: the image's own
  std::vector<std::pair<std::string, std::string>> env;  // {model} is the last part of the model's name
  const char* metrics_path;                              // on metrics_port
  MetricNames metrics;
};
[[nodiscard]] std::vector<std::string> profile_names();
[[nodiscard]] const RuntimeProfile* find_profile(const std::string& name);

// Spec of the pod (no metadata): the part of the template that the revision hashes.
[[nodiscard]] Result<nlohmann::ordered_json> pod_spec(const Spec& spec);

}  // namespace mlctl::deploy
