#include "deploy/rollout/driver.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/interrupt.h"
#include "base/terminal.h"
#include "deploy/cluster/perform.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;
using Order = RolloutWrite::Order;

constexpr std::size_t pods_heard = 10;  // of the canary
constexpr std::chrono::seconds patience_with_logs{10};
constexpr int tries = 5;  // of a write that somebody else was faster with
constexpr int tries_of_a_route = 50;
constexpr int log_lines = 10;
constexpr std::size_t evidence_limit = 4096;
constexpr std::chrono::seconds last_words{5};

constexpr const char* tick_prefix = "tick: ";

// A tick is over when it is seen: nobody is disturbed by the next one.
bool is_tick(const std::string& driver) {
  return driver.starts_with(tick_prefix);
}

Error nothing_begun(const RolloutPlace& place) {
  return {Error::Kind::not_found, "no rollout of " + to_string(place.model) + " has begun in " + place.environment,
          "`mlctl rollout start " + to_string(place.model) + " --env " + place.environment + "`"};
}

}  // namespace

bool is_driven(const RolloutState& rollout, WallTime now) {
  const auto silent = now - rollout.heartbeat;
  const auto limit = is_tick(rollout.driver) ? tick_silence : driver_silence;
  return !rollout.driver.empty() && silent < limit && silent > -limit;
}

bool is_driven_by_another(const RolloutState& rollout, const std::string& who, WallTime now) {
  return rollout.driver != who && !is_tick(rollout.driver) && is_driven(rollout, now);
}

std::string tick_name(const std::string& who) {
  return tick_prefix + who;
}

Driver::Driver(const RolloutSeams& seams, RolloutPlace place, std::string who)
    : seams_(seams), place_(std::move(place)), who_(std::move(who)) {}

Error Driver::taken_over(const ModelState& state) const {
  const auto driver = state.rollout ? state.rollout->driver : std::string();
  return {Error::Kind::conflict,
          "the rollout of " + to_string(place_.model) + " was taken over" +
              (driver.empty() ? "" : " by " + escape_control(driver)),
          "`mlctl rollout status " + to_string(place_.model) + " --env " + place_.environment + "` shows where it is"};
}

// False: somebody else was faster.
Result<bool> Driver::write(ModelState& state) {
  const ApiRequest request{.method = "PUT",
                           .path = state_path(state.model, state.name_space),
                           .query = {{"fieldManager", field_manager}},
                           .body = to_object(state).dump(),
                           .content_type = "application/json",
                           .about = "state of " + to_string(state.model)};
  auto answers = seams_.cluster.send({request}, {});
  if (!answers.front()) return answers.front().error();
  if (answers.front()->status == 409) return false;
  if (!is_fine(*answers.front())) return error_of(seams_.cluster, request, *answers.front());
  auto written = parse_state(Json::parse(answers.front()->body, nullptr, false));
  if (!written) return written.error();
  state.resource_version = written->resource_version;
  return true;
}

Error Driver::never_first() const {
  return {Error::Kind::conflict, "others change what belongs to " + to_string(place_.model) + " all the time",
          "run the command again; `kubectl get httproute --show-managed-fields -o yaml` shows who writes to its route"};
}

// Only the state is read before it is written: whoever ticks all the time is not faster then.
Status Driver::take(bool force) {
  for (int i = 0; i < tries; ++i) {
    WallTime now{};
    auto state = look_at_state(seams_, place_, now);
    if (!state) return state.error();
    auto& rollout = state->rollout;
    if (!rollout) return nothing_begun(place_);
    if (!force && is_driven_by_another(*rollout, who_, now))
      return Error{Error::Kind::conflict,
                   to_string(place_.model) + " is being rolled out by " + escape_control(rollout->driver) +
                       ", last seen " + ago(rollout->heartbeat, now),
                   "`mlctl rollout watch " + to_string(place_.model) + " --env " + place_.environment + "` looks on"};
    const auto before = rollout->driver;
    ++state->epoch;
    rollout->driver = who_;
    rollout->heartbeat = now;
    if (!before.empty() && before != who_ && !is_tick(before)) tell(*rollout, now, who_ + " took over from " + before);
    epoch_ = state->epoch;
    began_ = rollout->began;
    auto written = write(*state);
    if (written && !*written) {
      epoch_ = 0;
      continue;
    }
    auto taken = written ? ok() : Status(written.error());
    if (taken) {
      auto live = look_as_owner();
      taken = live ? mark(*live) : Status(live.error());
    }
    if (interrupted()) leave();  // also where nobody has seen whether it was written
    return taken;
  }
  return never_first();
}

// An object that changed meanwhile has another version already: whoever was here before cannot write it either.
Status Driver::mark(const RolloutLive& live) {
  auto requests = fence(live, seams_.discovery);
  if (!requests) return requests.error();
  static_cast<void>(seams_.cluster.send(*requests, {}));
  return ok();
}

Result<RolloutLive> Driver::look_as_owner() {
  auto live = look(seams_, place_);
  if (!live) return live.error();
  if (live->state.epoch != epoch_) return taken_over(live->state);
  if (!live->state.rollout) return nothing_begun(place_);
  return live;
}

// False: somebody else was faster with one of them. Traffic does not wait for what became of pods, nor does an error
// with them keep it; removals do.
Result<bool> Driver::act(const RolloutLive& live) {
  auto writes = writes_for(live, seams_.discovery);
  if (!writes) return writes.error();
  bool all = true;
  std::optional<Error> first;
  for (const auto order : {Order::pods, Order::route, Order::service, Order::removal}) {
    if (!all && order == Order::removal) break;
    std::vector<ApiRequest> requests;
    for (const auto& write : *writes)
      if (write.order == order) requests.push_back(write.request);
    const auto answers = seams_.cluster.send(requests, {});
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (!answers[i]) {
        if (!first) first = answers[i].error();
        all = false;
        continue;
      }
      const bool faster = answers[i]->status == 409;  // read again at the next tick
      const bool gone = requests[i].method == "DELETE" && answers[i]->status == 404;
      const bool refused = !is_fine(*answers[i]) && !faster && !gone;
      if (refused && !first) first = error_of(seams_.cluster, requests[i], *answers[i]);
      all = all && !faster && !refused;
    }
  }
  if (first) return *first;
  return all;
}

// The last words of containers that ended, else of those that run: after the canary is gone nobody can ask it.
void Driver::keep_evidence(const RolloutLive& live, RolloutState& rollout) {
  std::vector<ApiRequest> requests;
  std::vector<std::string> names;
  for (const Json* pod : pods_of(live, rollout.candidate.revision)) {
    if (names.size() == pods_heard) break;
    const auto key = key_of(*pod);
    names.push_back(key.name);
    for (const char* previous : {"true", "false"})
      requests.push_back({.path = "/api/v1/namespaces/" + key.name_space + "/pods/" + key.name + "/log",
                          .query = {{"tailLines", std::to_string(log_lines)},
                                    {"limitBytes", std::to_string(evidence_limit)},
                                    {"previous", previous}},
                          .accept = "*/*",
                          .about = "log of " + key.name,
                          .again = false,
                          .patience = patience_with_logs});
  }
  const auto answers = seams_.cluster.send(requests, {});
  const auto words = [&](std::size_t i) { return answers[i] && is_fine(*answers[i]) ? answers[i]->body : ""; };
  for (std::size_t i = 0; i < names.size() && rollout.evidence.size() <= evidence_limit; ++i) {
    const auto before = words(2 * i), text = before.empty() ? words(2 * i + 1) : before;
    if (!text.empty()) rollout.evidence += names[i] + ":\n" + escape_control(text, true);
  }
  rollout.evidence.resize(std::min(rollout.evidence.size(), evidence_limit));
}

// Traffic first: pods that do not answer take their time. Where somebody writes to the route all the time, the next
// tick goes on.
Result<ModelState> Driver::end_badly(RolloutLive live, bool all) {
  if (!all)
    if (auto acted = act_again(live); !acted) return acted.error();
  keep_evidence(live, *live.state.rollout);
  if (auto noted = write(live.state); !noted) return noted.error();
  return std::move(live.state);
}

// Until nobody else is faster. What is there is read first, and whose it is after that: by a version that was read
// later somebody who slept in between would write over what others have done since.
Result<bool> Driver::act_again(RolloutLive& live) {
  for (int i = 0; i < tries_of_a_route; ++i) {
    auto again = look_as_owner();
    if (!again) return again.error();
    live = std::move(*again);
    WallTime now{};
    const auto still = look_at_state(seams_, place_, now);
    if (!still) return still.error();
    if (still->epoch != epoch_) return taken_over(*still);
    const auto acted = act(live);
    if (!acted) return acted.error();
    if (*acted) return true;
  }
  return false;
}

Result<ModelState> Driver::tick() {
  for (int i = 0; i < tries; ++i) {
    auto live = look_as_owner();
    if (!live) return live.error();
    auto seen = seen_of(*live, *live->state.rollout);
    if (wants_counters(*live->state.rollout)) scrape(seams_, *live, *live->state.rollout, seen);
    RolloutState after = decide(*live->state.rollout, seen);
    // Also what a tick before, or whoever drove it, did not get to.
    const bool gives_back = after.phase == Phase::aborting || live->state.rollout->phase == Phase::aborting;
    const bool aborts = gives_back && after.evidence.empty();
    auto batch = begin_replay(after);
    batch.window /= static_cast<std::int64_t>(turns_);
    live->state.rollout = std::move(after);
    settle(live->state, live->revision(live->state.rollout->candidate.revision), rfc3339(live->now));
    auto written = write(live->state);
    if (!written) return written.error();
    if (!*written) continue;
    auto acted = act(*live);
    if (!acted) return acted.error();
    if (aborts) return end_badly(std::move(*live), *acted);
    // Nobody ticks again when it is over.
    if (live->state.rollout->is_over() && !*acted)
      if (auto removed = act_again(*live); !removed) return removed.error();
    if (auto sent = replay(*live, batch); !sent) return sent.error();
    return live->state;
  }
  return never_first();
}

// That it was sent is written down before, what became of it after. Where somebody else wrote meanwhile nobody knows
// that, and the next tick leaves the block out.
Status Driver::replay(RolloutLive& live, const ReplayBatch& batch) {
  if (batch.empty()) return ok();
  send_replay(seams_, live, batch, *live.state.rollout);
  const auto written = write(live.state);
  return written ? ok() : Status(written.error());
}

Result<std::optional<ModelState>> Driver::after(const Error& conflict) {
  WallTime now{};
  auto state = look_at_state(seams_, place_, now);
  if (!state) return state.error();
  const auto& rollout = state->rollout;
  if (!rollout || rollout->began != began_ || state->epoch == epoch_) return conflict;
  const bool driven = !rollout->driver.empty();
  if (rollout->is_over() || rollout->pause || (rollout->has_lost() && driven)) return std::optional(std::move(*state));
  if (!rollout->has_lost()) return conflict;
  if (auto taken = take(false); !taken) return taken.error();
  return std::optional<ModelState>();
}

void Driver::leave() {
  if (epoch_ == 0) return;
  const LastWords allowed(last_words);
  auto live = look(seams_, place_);
  if (!live || !live->state.rollout || live->state.epoch != epoch_) return;
  if (live->state.rollout->driver != who_) return;  // the write that was to make it ours never got there
  live->state.rollout->driver.clear();
  static_cast<void>(write(live->state));
  epoch_ = 0;
}

Result<ModelState> Driver::ask(const std::function<Status(RolloutState&, WallTime now)>& how, bool drives) {
  std::optional<std::pair<std::uint64_t, RolloutState>> sent;
  bool aborts = false;
  for (int i = 0; i < tries; ++i) {
    WallTime now{};
    auto state = look_at_state(seams_, place_, now);
    if (!state) return state.error();
    auto& rollout = state->rollout;
    if (!rollout) return nothing_begun(place_);
    // It was written, the connection broke before the answer, and the second try met the first.
    if (sent && sent->first == state->epoch && to_json(sent->second) == to_json(*rollout)) {
      epoch_ = state->epoch;
      return follow_up(aborts);
    }
    const bool was_aborting = rollout->has_lost();
    if (auto may = how(*rollout, now); !may) return may.error();
    aborts = rollout->has_lost() && !was_aborting;
    ++state->epoch;
    rollout->driver = drives ? who_ : "";
    rollout->heartbeat = drives ? now : rollout->heartbeat;
    if (rollout->has_lost()) settle(*state, {}, rfc3339(now));
    sent.emplace(state->epoch, *rollout);
    auto written = write(*state);
    if (!written) return written.error();
    if (!*written) continue;
    epoch_ = state->epoch;
    return follow_up(aborts);
  }
  return never_first();
}

Result<ModelState> Driver::follow_up(bool aborts) {
  auto followed = follow(aborts);
  if (followed || followed.error().kind != Error::Kind::conflict) return followed;
  // Somebody was faster with the next thing: what was asked for stands in the state, and they act on it.
  WallTime now{};
  auto there = look_at_state(seams_, place_, now);
  return there && there->rollout && there->epoch > epoch_ ? there : followed;
}

// What follows from what was asked for, by somebody who has just raised the epoch. Versions are raised by that as well,
// and by whoever else writes to the route all the time: what is written carries those that were read just before.
Result<ModelState> Driver::follow(bool aborts) {
  auto live = look_as_owner();
  if (!live) return live.error();
  if (auto marked = mark(*live); !marked) return marked.error();
  const auto all = act_again(*live);
  if (!all) return all.error();
  if (!*all) return never_first();
  if (aborts) {  // traffic first: then there is time to ask for last words
    keep_evidence(*live, *live->state.rollout);
    if (auto written = write(live->state); !written) return written.error();
  }
  return std::move(live->state);
}

}  // namespace mlctl::deploy
