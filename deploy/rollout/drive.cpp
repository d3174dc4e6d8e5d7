#include "deploy/rollout/drive.h"

#include <algorithm>
#include <cmath>

#include "base/interrupt.h"

namespace mlctl::deploy {
namespace {

constexpr std::chrono::minutes patience{30};  // with a cluster that cannot be asked
constexpr std::chrono::seconds ask_again{5};
constexpr std::chrono::milliseconds least_rest{200};
constexpr std::uint64_t answer_limit = 16U << 20U;

bool may_pass(const Error& error) {
  return error.kind == Error::Kind::unavailable || error.kind == Error::Kind::timeout;
}

// Tells what happened since it last did; old events fall out of the state at its front.
class News {
 public:
  explicit News(Progress& progress) : progress_(progress) {}
  void tell(const RolloutState& rollout) {
    std::size_t first = 0;
    for (std::size_t i = 0; i < rollout.events.size(); ++i)
      if (rollout.events[i] == newest_) first = i + 1;
    for (std::size_t i = first; i < rollout.events.size(); ++i)
      progress_.note(rfc3339(rollout.events[i].when) + "  " + rollout.events[i].what);
    if (!rollout.events.empty()) newest_ = rollout.events.back();
  }

 private:
  Progress& progress_;
  RolloutEvent newest_;
};

std::string where(const RolloutState& rollout) {
  return std::to_string(std::lround(rollout.weight * 100)) + " %, " + to_string(rollout.phase) +
         (rollout.verdict.empty() ? "" : ": " + rollout.verdict);
}

}  // namespace

Result<ModelState> drive(Driver& driver, const RolloutPlace& place, Clock& clock, Progress& progress) {
  const auto name = to_string(place.model);
  progress.step("rolling out " + name);
  News news(progress);
  auto reached = clock.steady();
  for (;;) {
    const auto began = clock.steady();  // a tick that replays takes most of the time until the next
    auto state = driver.tick();
    Duration pause = ask_again;
    if (state) {
      reached = clock.steady();
      const auto& rollout = *state->rollout;
      news.tell(rollout);
      if (rollout.is_over() || rollout.pause) {
        driver.leave();
        progress.finish(rollout.pause                      ? Symbol::warn
                        : rollout.phase == Phase::promoted ? Symbol::pass
                                                           : Symbol::fail,
                        rollout.pause ? "paused" : to_string(rollout.phase));
        return state;
      }
      progress.update(where(rollout));
      pause = next_look(rollout);
    } else if (interrupted()) {  // in the middle of a tick: what is written stands
      pause = Duration::zero();
    } else if (!may_pass(state.error()) || clock.steady() - reached > patience) {
      progress.finish(Symbol::fail, "not driven any more");
      return state.error();
    } else {
      progress.update("waiting for the cluster: " + state.error().message);
    }
    clock.sleep_until(state ? std::max(began + pause, clock.steady() + least_rest) : clock.steady() + pause);
    if (!interrupted()) continue;
    progress.finish(Symbol::warn, "not driven any more");
    return Error{Error::Kind::interrupted, "the rollout of " + name + " stays where it is",
                 "`mlctl rollout start " + name + " --env " + place.environment + "` goes on with it"};
  }
}

Status end_rollout(Driver& driver, const std::string& who, const std::string& why, Clock& clock) {
  auto state = driver.ask([&](RolloutState& rollout, WallTime now) -> Status {
    if (!rollout.has_lost() && !rollout.is_over()) ask_abort(rollout, who, why, now);
    return ok();
  });
  const auto deadline = clock.steady() + std::chrono::minutes(1);
  while (state && state->rollout->phase == Phase::aborting && clock.steady() < deadline && !interrupted()) {
    clock.sleep_until(clock.steady() + std::chrono::seconds(1));
    state = driver.tick();
  }
  return state ? ok() : Status(state.error());
}

std::function<Result<std::string>(const std::string& url)> fetch_with(HttpClient& http) {
  return [&http](const std::string& url) -> Result<std::string> {
    HttpRequest request{.url = url};
    request.body_limit = answer_limit;
    auto response = http.send(request);
    if (!response) return response.error();
    return std::move(response->body);  // what went wrong stands in it too
  };
}

}  // namespace mlctl::deploy
