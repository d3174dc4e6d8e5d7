#include "deploy/rollout/drive.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/filesystem.h"
#include "base/interrupt.h"
#include "deploy/rollout/ask.h"
#include "deploy/rollout/decide.h"

namespace mlctl::deploy {
namespace {

constexpr std::uint64_t token_limit = 64U << 10U;  // bytes
constexpr std::chrono::minutes patience{30};       // with a cluster that cannot be asked
constexpr std::chrono::seconds ask_again{5};
constexpr std::chrono::milliseconds least_rest{200};
constexpr std::uint64_t answer_limit = 16U << 20U;

bool may_pass(const Error& error) {
  return error.kind == Error::Kind::unavailable || error.kind == Error::Kind::timeout;
}

Error paused_end(const RolloutState& rollout) {
  return {Error::Kind::conflict,
          escape_control(rollout.candidate.version) +
              " was promoted, and its rollout is paused: " + escape_control(rollout.pause->reason),
          "`mlctl rollout resume` keeps what was promoted, `mlctl rollout abort` goes back to " +
              escape_control(rollout.baseline.version)};
}

// Until all traffic is back, or until nobody asks any more for what served before.
Result<std::string> wait_for_the_end(Driver& driver, ModelState begun, Clock& clock) {
  Result<ModelState> state = std::move(begun);
  const bool kept = state->rollout->phase == Phase::looking;
  const auto limit = kept ? state->rollout->plan.config.drain + drain_limit : Duration(abort_limit);
  const auto deadline = clock.steady() + limit + std::chrono::seconds(30);
  const auto goes_on = [](const RolloutState& rollout) {
    return rollout.phase == Phase::aborting || (rollout.phase == Phase::looking && !rollout.pause);
  };
  while (state && goes_on(*state->rollout) && clock.steady() < deadline) {
    clock.sleep_until(clock.steady() + (kept ? next_look(*state->rollout) : std::chrono::seconds(1)));
    if (interrupted()) {
      driver.leave();
      return interrupted_error();
    }
    state = driver.tick();
  }
  if (!state) return state.error();
  const auto& rollout = *state->rollout;
  const auto shows = "`mlctl rollout status " + to_string(state->model) + " --env " + state->environment + "` shows it";
  if (rollout.phase == Phase::looking) {
    driver.leave();
    if (rollout.pause) return paused_end(rollout);
    return Error{Error::Kind::timeout, escape_control(rollout.baseline.version) + " is asked on and on", shows};
  }
  if (rollout.phase == Phase::aborting)
    return Error{Error::Kind::timeout,
                 "the route of " + to_string(state->model) + " does not give all traffic back to " +
                     escape_control(rollout.baseline.version),
                 shows};
  return unproven_abort(rollout);
}

// Tells what happened since it last did; old events fall out of the state at its front.
class News {
 public:
  void tell(const RolloutState& rollout, const std::string& whose, Progress& progress) {
    std::size_t first = 0;
    for (std::size_t i = 0; i < rollout.events.size(); ++i)
      if (rollout.events[i] == newest_) first = i + 1;
    for (std::size_t i = first; i < rollout.events.size(); ++i)
      progress.event(rfc3339(rollout.events[i].when) + "  " + whose + rollout.events[i].what);
    if (!rollout.events.empty()) newest_ = rollout.events.back();
  }

 private:
  RolloutEvent newest_;
};

std::string where(const RolloutState& rollout) {
  return std::to_string(std::lround(rollout.weight * 100)) + " %, " + to_string(rollout.phase) +
         (rollout.verdict.empty() ? "" : ": " + rollout.verdict);
}

// One of several, between its ticks.
struct Track {
  const Driven* driven = nullptr;
  News news = {};
  SteadyTime reached = {}, next = {};
  std::optional<Result<ModelState>> end = {};
};

// By turns in one thread: a tick is a few requests, and then nothing is to be done for seconds.
class Turns {
 public:
  Turns(const std::vector<Driven>& all, Clock& clock, Progress& progress) : clock_(clock), progress_(progress) {
    for (const auto& one : all) tracks_.push_back({.driven = &one, .reached = clock.steady(), .next = clock.steady()});
  }

  std::vector<Result<ModelState>> drive() {
    progress_.step("rolling out " +
                   (tracks_.size() == 1 ? name_of(tracks_.front()) : count_text(tracks_.size(), "model")));
    while (Track* track = next()) {
      clock_.sleep_until(track->next);
      if (interrupted()) {
        stop();
        break;
      }
      tick(*track);
    }
    std::vector<Result<ModelState>> out;
    for (auto& track : tracks_) out.push_back(std::move(*track.end));
    say_end(out);
    return out;
  }

 private:
  static std::string name_of(const Track& track) { return to_string(track.driven->place.model); }
  [[nodiscard]] std::string whose(const Track& track) const { return tracks_.size() == 1 ? "" : name_of(track) + ": "; }

  Track* next() {
    Track* first = nullptr;
    for (auto& track : tracks_)
      if (!track.end && (first == nullptr || track.next < first->next)) first = &track;
    return first;
  }

  void tick(Track& track) {
    auto& driver = *track.driven->driver;
    const auto began = clock_.steady();  // a tick that replays takes most of the time until the next
    driver.take_turns(static_cast<std::size_t>(
        std::count_if(tracks_.begin(), tracks_.end(), [](const Track& one) { return !one.end; })));
    auto state = driver.tick();
    track.next = clock_.steady() + ask_again;
    if (!state) return failed(track, state.error());
    track.reached = clock_.steady();
    tell(track, *state->rollout);
    track.next = std::max(began + next_look(*state->rollout), clock_.steady() + least_rest);
    if (!state->rollout->is_over() && !state->rollout->pause) return;
    driver.leave();
    track.end = std::move(state);
  }

  void failed(Track& track, Error error) {
    if (interrupted()) {  // in the middle of a tick: what is written stands
      track.next = clock_.steady();
      return;
    }
    if (error.kind == Error::Kind::conflict) {
      auto left = track.driven->driver->after(error);
      if (left && *left) {
        tell(track, *(*left)->rollout);
        track.end = std::move(**left);
      }
      if (left) return;
      error = left.error();
    }
    if (!may_pass(error) || clock_.steady() - track.reached > patience)
      track.end = std::move(error);
    else
      progress_.update(whose(track) + "waiting for the cluster: " + error.message);
  }

  void tell(Track& track, const RolloutState& rollout) {
    track.news.tell(rollout, whose(track), progress_);
    progress_.update(whose(track) + where(rollout));
  }

  void stop() {
    for (auto& track : tracks_) {
      if (track.end) continue;
      track.driven->driver->leave();
      track.end = Error{
          Error::Kind::interrupted, "the rollout of " + name_of(track) + " stays where it is",
          "`mlctl rollout start " + name_of(track) + " --env " + track.driven->place.environment + "` goes on with it"};
    }
  }

  // In the words of the worst.
  void say_end(const std::vector<Result<ModelState>>& ends) {
    auto worst = Symbol::pass;
    std::string said = to_string(Phase::promoted);
    for (const auto& end : ends) {
      const bool paused = end && end->rollout->pause;
      const bool promoted = end && end->rollout->phase == Phase::promoted;
      if (promoted || worst == Symbol::fail) continue;
      worst = paused || (!end && end.error().kind == Error::Kind::interrupted) ? Symbol::warn : Symbol::fail;
      said = !end ? "not driven any more" : paused ? "paused" : to_string(end->rollout->phase);
    }
    progress_.finish(worst, said);
  }

  Clock& clock_;
  Progress& progress_;
  std::vector<Track> tracks_;
};

}  // namespace

std::vector<Result<ModelState>> drive_all(const std::vector<Driven>& all, Clock& clock, Progress& progress) {
  if (all.empty()) return {};
  return Turns(all, clock, progress).drive();
}

Result<ModelState> drive(Driver& driver, const RolloutPlace& place, Clock& clock, Progress& progress) {
  return std::move(drive_all({{place, &driver}}, clock, progress).front());
}

Result<std::string> end_rollout(Driver& driver, const OwnerPlan& owner, const std::string& who, const std::string& why,
                                Clock& clock) {
  const bool back = owner.spec != nullptr && owner.spec->way_back;
  const auto is_kept = [&](const RolloutState& rollout) {
    return rollout.phase == Phase::looking && !back && owner.revision != rollout.baseline.revision;
  };
  // Somebody may have changed its route since anybody looked: that is seen before anything is written.
  if (owner.before.rollout && is_kept(*owner.before.rollout)) {
    if (auto taken = driver.take(true); !taken) return taken.error();
    if (auto seen = driver.tick(); !seen) return seen.error();
  }
  const auto how = [&](RolloutState& rollout, WallTime now) -> Status {
    if (is_kept(rollout) && rollout.pause) return paused_end(rollout);
    if (is_kept(rollout))
      ask_end_of_looking(rollout, who, why, now);
    else if (!rollout.has_lost() && !rollout.is_over())
      ask_abort(rollout, who, why, now);
    return ok();
  };
  auto state = driver.ask(how, true);
  if (!state) {
    driver.leave();
    return state.error();
  }
  return wait_for_the_end(driver, std::move(*state), clock);
}

std::function<Result<std::string>(const std::string& url)> fetch_with(HttpClient& http,
                                                                      const std::optional<PrometheusConfig>& where) {
  return [&http, token_file = where ? where->token_file : ""](const std::string& url) -> Result<std::string> {
    HttpRequest request{.url = url, .limit = patience_with_counters};
    if (!token_file.empty()) {
      auto token = read_file(token_file, token_limit);
      if (!token) return token.error().context("the token for Prometheus");
      while (!token->empty() && (token->back() == '\n' || token->back() == '\r' || token->back() == ' '))
        token->pop_back();
      if (token->empty())
        return Error{Error::Kind::credentials, "the token for Prometheus: " + token_file + " is empty", ""};
      request.headers.emplace_back("Authorization", "Bearer " + *token);
    }
    request.body_limit = answer_limit;
    auto response = http.send(request);
    if (!response) return response.error();
    // Prometheus says in JSON what is wrong with a query, with a status of 400 or 422; a proxy before it says it as it
    // likes.
    const bool fine = response->status >= 200 && response->status < 300;
    if (!fine && !response->body.starts_with('{'))
      return Error{Error::Kind::unavailable,
                   url.substr(0, url.find('?')) + ": HTTP " + std::to_string(response->status),
                   "is it the address of Prometheus?"};
    return std::move(response->body);
  };
}

}  // namespace mlctl::deploy
