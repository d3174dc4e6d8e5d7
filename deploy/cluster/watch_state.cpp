#include "deploy/cluster/watch_state.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "deploy/cluster/fields.h"
#include "deploy/cluster/live.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;
enum class Kind { added, modified, deleted, bookmark, error };
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr milliseconds first_delay{800};
constexpr seconds longest_delay{30};
constexpr minutes forget_failures{2};
constexpr seconds short_life{10};  // of a stream that was cut before it could tell anything
constexpr int cuts_allowed = 3;
constexpr minutes silence_limit{2};  // most servers send a bookmark every minute, none promises it
constexpr minutes poll_for{2};       // then a watch is tried again

constexpr std::pair<std::string_view, Kind> kinds[] = {{"ADDED", Kind::added},
                                                       {"MODIFIED", Kind::modified},
                                                       {"DELETED", Kind::deleted},
                                                       {"BOOKMARK", Kind::bookmark},
                                                       {"ERROR", Kind::error}};

bool is_expired(const Json& status) {
  const auto reason = text_field(status, "reason");
  return number_field(status, "code") == 410 || reason == "Expired" || reason == "Gone";
}

}  // namespace

Result<std::vector<std::string>> WatchLines::add(std::string_view bytes) {
  std::vector<std::string> out;
  for (;;) {
    const auto end = std::min(bytes.find('\n'), bytes.size());
    if (rest_.size() + end > watch_line_limit)
      return Error{Error::Kind::unavailable, "a watch says more in one line than an object can hold", ""};
    rest_.append(bytes.substr(0, end));
    if (end == bytes.size()) return out;
    if (!rest_.empty()) out.push_back(std::exchange(rest_, {}));
    bytes.remove_prefix(end + 1);
  }
}

struct WatchState::Event {
  Kind kind = Kind::error;
  Json object;  // of an error: a Status
};

// Error{unavailable}: it is no event.
Result<WatchState::Event> WatchState::parse(const std::string& line) {
  const Error broken{Error::Kind::unavailable, "a watch says what is no event", ""};
  const auto wanted = [](int, Json::parse_event_t event, Json& value) {
    return event != Json::parse_event_t::key || value != "managedFields";
  };
  Json all = Json::parse(line, wanted, false);
  const auto type = text_field(all, "type");
  const auto* kind =
      std::find_if(std::begin(kinds), std::end(kinds), [&](const auto& one) { return one.first == type; });
  if (kind == std::end(kinds) || !field(all, "object").is_object()) return broken;
  Event event{kind->second, std::move(all["object"])};
  if (event.kind == Kind::error) return event;
  if (resource_version_of(event.object).empty()) return broken;
  if (event.kind != Kind::bookmark && key_of(event.object).name.empty()) return broken;
  return event;
}

WatchState::WatchState(const ListQuery& query, Duration look_again, std::uint32_t seed)
    : about_(query.resource.plural), with_spec_(query.with_spec), look_again_(look_again), random_(seed) {}

WatchState::Want WatchState::want(SteadyTime now) const {
  if (now < due_) return Want::nothing;
  return mode_ == Mode::open ? Want::watch : Want::list;
}

void WatchState::want_at(Mode mode, SteadyTime when) {
  mode_ = mode;
  due_ = when;
}

bool WatchState::listed(Listing listing, SteadyTime now) {
  std::map<ObjectKey, Json> objects;
  for (auto& item : listing.items) {
    auto key = key_of(item);
    objects.insert_or_assign(std::move(key), std::move(item));
  }
  bool changed = objects.size() != objects_.size();
  for (auto old = objects_.begin(); !changed && old != objects_.end(); ++old) {
    const auto found = objects.find(old->first);
    changed = found == objects.end() || resource_version_of(found->second) != resource_version_of(old->second) ||
              uid_of(found->second) != uid_of(old->second);
  }
  objects_ = std::move(objects);
  version_ = std::move(listing.resource_version);
  switch (mode_) {
    case Mode::poll:
      if (now < poll_until_)
        due_ = now + look_again_;
      else
        go_on(now);
      break;
    case Mode::watch:  // it was silent, and rightly so, or it was not
      due_ = now + silence_limit;
      if (!changed) break;
      poll_until_ = now + poll_for;
      polls_because_ = "the watch of " + about_ + " does not tell what changes";
      want_at(Mode::poll, now + look_again_);
      break;
    case Mode::list:
    case Mode::open:
      go_on(now);
      break;
  }
  return changed;
}

void WatchState::go_on(SteadyTime now) {
  if (version_.empty()) return poll_for_ever(now + look_again_, "the list of " + about_ + " has no version");
  if (mode_ == Mode::poll) cuts_ = 0;
  want_at(Mode::open, now);
}

void WatchState::has_no_streams(SteadyTime now) {
  poll_for_ever(now + look_again_, "");
}

void WatchState::opened(SteadyTime now) {
  lines_.clear();
  opened_ = now;
  told_anything_ = false;
  want_at(Mode::watch, now + silence_limit);
}

WatchState::Heard WatchState::heard(std::string_view bytes, SteadyTime now) {
  Heard out;
  if (mode_ != Mode::watch) return {false, true};  // it was given up
  auto lines = lines_.add(bytes);
  if (!lines) {
    cut(now);
    return {false, true};
  }
  due_ = now + silence_limit;
  for (const auto& line : *lines) {
    auto event = parse(line);
    if (!event) {
      cut(now);
      return {out.changed, true};
    }
    const auto one = apply(std::move(*event), now);
    out.changed = out.changed || one.changed;
    if (one.over) return {out.changed, true};
  }
  return out;
}

WatchState::Heard WatchState::apply(Event event, SteadyTime now) {
  if (event.kind == Kind::error) {
    // What was missed is in a list. Twice in a row is somebody who forgets at once: not so fast.
    if (is_expired(event.object) && told_anything_)
      want_at(Mode::list, now);
    else
      failed(Mode::list, now);
    return {false, true};
  }
  told_anything_ = true;
  cuts_ = 0;
  version_ = resource_version_of(event.object);
  if (event.kind == Kind::bookmark) return {};
  auto key = key_of(event.object);
  if (event.kind == Kind::deleted) return {objects_.erase(key) != 0, false};
  const auto found = objects_.find(key);
  if (found != objects_.end() && resource_version_of(found->second) == version_) return {};
  if (found == objects_.end() && objects_.size() >= listed_limit) {
    want_at(Mode::list, now);  // which says that there are too many
    return {false, true};
  }
  if (!with_spec_) event.object.erase("spec");
  objects_.insert_or_assign(std::move(key), std::move(event.object));
  return {true, false};
}

void WatchState::ended(const Result<ApiAnswer>& answer, SteadyTime now) {
  lines_.clear();
  if (mode_ != Mode::watch) return;
  if (answer && !is_fine(*answer)) {
    if (answer->status == 403 || answer->status == 405)
      return poll_for_ever(now, "nobody lets us watch " + about_ + " (verb `watch`)");
    // 410 and what else a list answers better: with the objects, or with what is wrong.
    return answer->status == 429 || answer->status >= 500 ? cut(now) : failed(Mode::list, now);
  }
  if (!told_anything_ && now - opened_ < short_life) return cut(now);
  cuts_ = 0;
  if (answer)
    want_at(Mode::open, now);
  else
    failed(Mode::open, now);
}

void WatchState::cut(SteadyTime now) {
  if (++cuts_ < cuts_allowed) return failed(Mode::open, now);
  poll_until_ = now + poll_for;
  polls_because_ = "watches of " + about_ + " are cut off";
  want_at(Mode::poll, now);
}

void WatchState::poll_for_ever(SteadyTime now, const std::string& why) {
  poll_until_ = SteadyTime::max();
  polls_because_ = why;
  want_at(Mode::poll, now);
}

void WatchState::failed(Mode next, SteadyTime now) {
  want_at(next, now + back_off(now));
}

// Twice as long each time, forgotten after a while without a failure; up to twice that, so that not all come at once.
Duration WatchState::back_off(SteadyTime now) {
  const bool again = delay_ > Duration(0) && now - failed_ < forget_failures;
  delay_ = again ? std::min<Duration>(2 * delay_, longest_delay) : first_delay;
  failed_ = now;
  return delay_ + Duration(std::uniform_int_distribution<Duration::rep>(0, delay_.count())(random_));
}

}  // namespace mlctl::deploy
