// Lists that stay as the cluster has them: each is asked for once, then a watch tells what changes. Where nobody lets
// us watch, or something between cuts or holds back what a watch says, the lists are asked for again and again instead.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "deploy/cluster/api.h"
#include "deploy/cluster/list.h"
#include "deploy/cluster/watch_state.h"
#include "deploy/objects.h"

namespace mlctl::deploy {

struct WatchQuery {
  ListQuery list;
  bool optional = false;  // who may not list these hears nothing of them
};
struct WatchOptions {
  Duration look_again = std::chrono::seconds(2);  // where it cannot watch
  std::function<void(const std::string&)> told;   // that it cannot, once; may be null
  std::optional<std::uint32_t> seed = {};         // of the delays; nullopt: another one each time
};

// Watches at once; more lists than that are asked for again and again.
inline constexpr std::size_t watches_limit = 12;

class Watch {
 public:
  Watch(Cluster& cluster, Clock& clock, std::vector<WatchQuery> queries, WatchOptions options);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // Waits until an object came, changed or went, or `until`; true: something did (the first lists always). Error: a
  // list could not be had, or Ctrl-C.
  [[nodiscard]] Result<bool> wait(SteadyTime until);
  // As they are now, by their keys, in the order of the queries.
  [[nodiscard]] const std::map<ObjectKey, nlohmann::ordered_json>& objects(std::size_t query) const;

 private:
  struct One {
    WatchQuery query;
    WatchState state;
    std::optional<std::uint64_t> stream;
    bool forbidden = false;
  };
  Result<bool> ask();  // for the lists and watches that are due
  Result<bool> list(One& one);
  void open(One& one);
  void close(One& one);
  bool take(const StreamPart& part);
  void tell(const One& one);

  Cluster& cluster_;
  Clock& clock_;
  WatchOptions options_;
  std::minstd_rand random_;
  std::vector<One> all_;
  bool first_ = true, told_ = false;
};

}  // namespace mlctl::deploy
