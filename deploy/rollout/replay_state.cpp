#include "deploy/rollout/replay_state.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "deploy/cluster/fields.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;

constexpr double most = 1e12;

double amount(const Json& value, const char* key) {
  const Json& found = field(value, key);
  const double number = found.is_number() ? found.get<double>() : 0;
  return number >= 0 && number <= most ? number : 0;
}

std::size_t count(const Json& value, const char* key) {
  return static_cast<std::size_t>(amount(value, key));
}

ReplayedArm arm_from(const Json& value) {
  return {amount(value, "answered"), amount(value, "refused")};
}

Json to_json(const ReplayedArm& arm) {
  return {{"answered", arm.answered}, {"refused", arm.refused}};
}

}  // namespace

Json to_json(const ReplayState& state) {
  return {{"stable", to_json(state.stable)},
          {"canary", to_json(state.canary)},
          {"lost", state.lost},
          {"people", state.people},
          {"owed", state.owed},
          {"next", state.next},
          {"stepsPassed", state.passed},
          {"open", state.open},
          {"trouble", state.trouble}};
}

ReplayState replay_from(const Json& value) {
  return {arm_from(field(value, "stable")),
          arm_from(field(value, "canary")),
          amount(value, "lost"),
          amount(value, "people"),
          amount(value, "owed"),
          count(value, "next"),
          count(value, "stepsPassed"),
          field(value, "open") == true,
          text_field(value, "trouble")};
}

}  // namespace mlctl::deploy
