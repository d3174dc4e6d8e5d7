// What a rollout remembers of the requests that it sends itself (low_traffic: replay). Part of its state. Pure.
#pragma once
#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace mlctl::deploy {

// Of one version, in this step.
struct ReplayedArm {
  double answered = 0;  // by a pod, whatever it said; what the proxy could not deliver is not in it
  double refused = 0;   // of them with 4xx, which counts as no error
  bool operator==(const ReplayedArm&) const = default;
};

struct ReplayState {
  ReplayedArm stable, canary;
  double lost = 0;         // in this step: nobody knows whether a pod has seen them
  double people = 0;       // requests a second of everybody else, both versions together, as last seen
  double owed = 0;         // of the next round, as a part of one
  std::size_t next = 0;    // the recorded request whose turn it is
  std::size_t passed = 0;  // steps that replayed requests helped to pass
  bool open = false;       // a batch is on its way; seen by another process: nobody knows what became of it
  std::string trouble;     // why nothing is delivered
  bool operator==(const ReplayState&) const = default;
};

[[nodiscard]] nlohmann::ordered_json to_json(const ReplayState& state);
[[nodiscard]] ReplayState replay_from(const nlohmann::ordered_json& value);  // what is missing or nonsense is nothing

}  // namespace mlctl::deploy
