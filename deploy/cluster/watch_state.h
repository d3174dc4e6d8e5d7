// A list of objects that is kept up to date by a watch: which bytes mean what, what is known now, and what to ask next.
// Pure: watch.h moves the bytes. Source of the rules: client-go tools/cache/reflector.go, apimachinery pkg/watch.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "deploy/cluster/api.h"
#include "deploy/cluster/list.h"
#include "deploy/objects.h"

namespace mlctl::deploy {

inline constexpr std::size_t watch_line_limit = 8U << 20U;  // etcd keeps no object that is larger than 1.5 MiB

// Bytes as they come -> whole lines, empty ones left out.
class WatchLines {
 public:
  // Error{unavailable}: a line that is too long.
  [[nodiscard]] Result<std::vector<std::string>> add(std::string_view bytes);
  void clear() { rest_.clear(); }  // what was cut off is sent again, whole

 private:
  std::string rest_;
};

class WatchState {
 public:
  enum class Want { nothing, list, watch };
  // `look_again`: how often it lists where it cannot watch.
  WatchState(const ListQuery& query, Duration look_again, std::uint32_t seed);

  // What is due now. While a stream is open it may want a list all the same: a silent stream is not believed for ever.
  [[nodiscard]] Want want(SteadyTime now) const;
  [[nodiscard]] SteadyTime due() const { return due_; }  // of the next thing that it wants

  // Each says whether an object came, changed or went.
  [[nodiscard]] bool listed(Listing listing, SteadyTime now);
  struct Heard {
    bool changed = false;
    bool over = false;  // the stream is of no more use: close it
  };
  [[nodiscard]] Heard heard(std::string_view bytes, SteadyTime now);

  void opened(SteadyTime now);                                  // a stream, from version() on
  void ended(const Result<ApiAnswer>& answer, SteadyTime now);  // by itself
  void has_no_streams(SteadyTime now);                          // this cluster
  [[nodiscard]] bool listens() const { return mode_ == Mode::watch; }

  [[nodiscard]] const std::map<ObjectKey, nlohmann::ordered_json>& objects() const { return objects_; }
  [[nodiscard]] const std::string& version() const { return version_; }
  [[nodiscard]] const std::string& polls_because() const { return polls_because_; }  // "": there is nothing to tell

 private:
  enum class Mode { list, open, watch, poll };
  void poll_for_ever(SteadyTime now, const std::string& why);
  void want_at(Mode mode, SteadyTime when);
  void go_on(SteadyTime now);              // from the version of a list
  void failed(Mode next, SteadyTime now);  // after a while, longer each time
  void cut(SteadyTime now);                // a stream ended that had told nothing
  struct Event;
  static Result<Event> parse(const std::string& line);
  Heard apply(Event event, SteadyTime now);
  Duration back_off(SteadyTime now);

  std::string about_;  // "deployments"
  bool with_spec_;
  Duration look_again_;
  std::minstd_rand random_;
  Mode mode_ = Mode::list;
  SteadyTime due_{};  // the epoch: at once
  WatchLines lines_;
  std::map<ObjectKey, nlohmann::ordered_json> objects_;
  std::string version_, polls_because_;
  SteadyTime opened_{}, failed_{}, poll_until_{};
  bool told_anything_ = false;  // the stream that is open
  int cuts_ = 0;                // one after the other
  Duration delay_{};
};

}  // namespace mlctl::deploy
