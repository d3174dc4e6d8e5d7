#include "release/served.h"

#include "deploy/rollout/config.h"

namespace mlctl::release {

Status check_served(const Project& project, const ModelEntry& model, const std::string& environment) {
  auto config = merged(project, model, environment);
  if (!config) return config.error();
  const auto where = to_string(model.name) + " in " + environment;
  if (auto serving = deploy::decode_serving(*config); !serving) return serving.error().context(where);
  if (auto rollout = deploy::decode_rollout(*config); !rollout) return rollout.error().context(where);
  return ok();
}

Status check_served(const Project& project, const ModelEntry& model) {
  for (const auto& environment : project.environments)
    if (auto served = check_served(project, model, environment.name); !served) return served;
  return ok();
}

}  // namespace mlctl::release
