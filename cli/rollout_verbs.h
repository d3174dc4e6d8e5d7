// What the verbs of rollout share: their words, where they look, how they show it. Internal to cli/rollout*.cpp.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/rollout.h"
#include "cli/workplace.h"

namespace mlctl::cli {

struct RolloutWords {
  std::string model, environment, reason;
  bool no_wait = false, wait = false, again = false, take_over = false, yes = false;
};

// Where a rollout is, without asking git or a registry.
struct RolloutStage {
  Workplace place;
  const deploy::Environment* environment = nullptr;
  deploy::RolloutPlace where;
  RolloutLink link;
};

[[nodiscard]] Result<RolloutStage> open_rollout(const RolloutWords& words, Context& context);
// Error{not_found}: none has begun.
[[nodiscard]] Result<deploy::RolloutLive> look_at(RolloutStage& stage, Context& context);
// Prints it. The exit code of status.
[[nodiscard]] int show_rollout(const deploy::ModelState& state, WallTime now, Context& context);

[[nodiscard]] Option rollout_no_wait(RolloutWords& words);
[[nodiscard]] Command rollout_verb(const std::shared_ptr<RolloutWords>& words, const char* name, const char* summary,
                                   const char* description, std::vector<Option> more, bool changes,
                                   std::function<int(Context&)> run);
[[nodiscard]] std::vector<Command> rollout_asks();  // pause, resume, promote, abort

}  // namespace mlctl::cli
