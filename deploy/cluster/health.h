// Whether what was applied works, by kind, from the object alone. Source: kstatus (cli-utils), and where it misleads
// (rules of our own). Pure.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace mlctl::deploy {

struct Health {
  enum class Kind { ready, waiting, failed };
  Kind kind = Kind::waiting;
  std::string reason;  // "1 of 3 replicas ready", "deadline exceeded: …"; "" when ready
};

[[nodiscard]] Health health_of(const nlohmann::ordered_json& object);
// Why a Deployment's controller may not make pods: a quota, admission; "" when it may.
[[nodiscard]] std::string refusal_of_pods(const nlohmann::ordered_json& deployment);

}  // namespace mlctl::deploy
