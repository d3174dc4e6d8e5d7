// Carries a rollout: a tick is one observe, decide, write down, act; a driver is a loop of ticks. Whoever begins to
// tick takes the rollout over (epoch raised by compare-and-swap); whoever sees a higher epoch than its own stops.
#pragma once
#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "deploy/rollout/act.h"
#include "deploy/rollout/look.h"
#include "deploy/rollout/replay.h"

namespace mlctl::deploy {

// A driver that was silent for longer is stale: rollout status says so, and anybody may take over. Single ticks come
// from a schedule, by anybody; who makes them is called tick_name(…).
inline constexpr std::chrono::seconds driver_silence{60};
inline constexpr std::chrono::seconds tick_silence{600};
[[nodiscard]] std::string tick_name(const std::string& who);

class Driver {
 public:
  Driver(const RolloutSeams& seams, RolloutPlace place, std::string who);

  // Takes over: raises the epoch, then marks route and arms. Error{conflict}: somebody else drives it right now (and
  // `force` is false), or was faster. Error{not_found}: no rollout has begun.
  [[nodiscard]] Status take(bool force);
  // One pass. Error{conflict}: it was taken over. The state as it was written.
  [[nodiscard]] Result<ModelState> tick();
  // What became of it after tick() gave `conflict`. nullopt: somebody has aborted it and does not drive what is left:
  // it is ours again, tick on. A state: people have ended it for us, by a pause or by an abort that they drive
  // themselves, or it is over. Error: `conflict`, somebody else goes on with it.
  [[nodiscard]] Result<std::optional<ModelState>> after(const Error& conflict);
  // So many rollouts are driven by turns, this one among them: what is replayed takes that part of the time.
  void take_turns(std::size_t rollouts) { turns_ = std::max<std::size_t>(1, rollouts); }
  // Nobody drives it any more; its epoch stays. Also after Ctrl-C: a few seconds are taken for it. What goes wrong here
  // only makes others wait for driver_silence.
  void leave();

  // What people ask for, from any machine: raises the epoch at once and does what follows from it without waiting for
  // the driver, which sees that. `drives`: what is left is ours; else it is that driver's, or anybody's.
  [[nodiscard]] Result<ModelState> ask(const std::function<Status(RolloutState&, WallTime now)>& how,
                                       bool drives = false);

 private:
  [[nodiscard]] Result<RolloutLive> look_as_owner();
  [[nodiscard]] Status mark(const RolloutLive& live);
  [[nodiscard]] Result<ModelState> follow(bool aborts);
  [[nodiscard]] Result<ModelState> follow_up(bool aborts);
  [[nodiscard]] Result<bool> act_again(RolloutLive& live);
  [[nodiscard]] Error never_first() const;
  [[nodiscard]] Result<bool> write(ModelState& state);
  [[nodiscard]] Result<bool> act(const RolloutLive& live);
  [[nodiscard]] Status replay(RolloutLive& live, const ReplayBatch& batch);
  [[nodiscard]] Result<ModelState> end_badly(RolloutLive live, bool all);
  void keep_evidence(const RolloutLive& live, RolloutState& rollout);
  [[nodiscard]] Error taken_over(const ModelState& state) const;

  RolloutSeams seams_;
  RolloutPlace place_;
  std::string who_;
  std::uint64_t epoch_ = 0;  // that it has, or tried to have; 0: never taken
  WallTime began_{};         // of the rollout that was taken
  std::size_t turns_ = 1;
};

// Whether somebody else ticks right now, by the server's clock.
[[nodiscard]] bool is_driven(const RolloutState& rollout, WallTime now);
// And does not wait for the next tick of anybody.
[[nodiscard]] bool is_driven_by_another(const RolloutState& rollout, const std::string& who, WallTime now);

}  // namespace mlctl::deploy
