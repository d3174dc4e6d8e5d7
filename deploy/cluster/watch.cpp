#include "deploy/cluster/watch.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>

#include "base/interrupt.h"

namespace mlctl::deploy {
namespace {

constexpr int shortest_s = 300, longest_s = 600;  // after which the server ends a watch by itself

}  // namespace

Watch::Watch(Cluster& cluster, Clock& clock, std::vector<WatchQuery> queries, WatchOptions options)
    : cluster_(cluster),
      clock_(clock),
      options_(std::move(options)),
      random_(options_.seed ? *options_.seed : std::random_device{}()) {
  for (auto& query : queries) {
    WatchState state(query.list, options_.look_again, static_cast<std::uint32_t>(random_()));
    all_.push_back({std::move(query), std::move(state), std::nullopt, false});
  }
}

Watch::~Watch() {
  for (auto& one : all_) close(one);
}

Result<bool> Watch::wait(SteadyTime until) {
  for (;;) {
    if (interrupted()) return interrupted_error();
    auto asked = ask();
    if (!asked) return asked.error();
    bool changed = std::exchange(first_, false) || *asked;
    if (changed || clock_.steady() >= until) return changed;
    SteadyTime next = until;
    bool listens = false;
    for (const auto& one : all_) {
      if (!one.forbidden) next = std::min(next, one.state.due());
      listens = listens || one.stream;
    }
    if (!listens) {
      clock_.sleep_until(next);
      continue;
    }
    for (const auto& part : cluster_.listen(next)) changed = take(part) || changed;
    if (changed) return true;
  }
}

const std::map<ObjectKey, nlohmann::ordered_json>& Watch::objects(std::size_t query) const {
  return all_[query].state.objects();
}

Result<bool> Watch::ask() {
  bool changed = false;
  for (auto& one : all_) {
    if (one.forbidden) continue;
    if (one.state.want(clock_.steady()) == WatchState::Want::list) {
      auto listed = list(one);
      if (!listed) return listed.error();
      changed = changed || *listed;
    }
    if (!one.forbidden && one.state.want(clock_.steady()) == WatchState::Want::watch) open(one);
  }
  return changed;
}

Result<bool> Watch::list(One& one) {
  auto lists = list_all(cluster_, {one.query.list});
  if (!lists && one.query.optional && lists.error().kind == Error::Kind::credentials) {
    close(one);
    one.forbidden = true;
    return false;
  }
  if (!lists) return lists.error();
  const bool changed = one.state.listed(std::move(lists->front()), clock_.steady());
  if (!one.state.listens()) close(one);
  tell(one);
  return changed;
}

void Watch::open(One& one) {
  const auto& query = one.query.list;
  const int timeout = std::uniform_int_distribution<int>(shortest_s, longest_s)(random_);
  ApiRequest request{.path = path_of(query.resource, query.name_space),
                     .query = {{"watch", "true"},
                               {"allowWatchBookmarks", "true"},
                               {"resourceVersion", one.state.version()},
                               {"timeoutSeconds", std::to_string(timeout)}},
                     .about = "watch of " + query.resource.plural};
  if (!query.label_selector.empty()) request.query.emplace_back("labelSelector", query.label_selector);
  if (all_.size() <= watches_limit) one.stream = cluster_.open_stream(request);
  if (one.stream)
    one.state.opened(clock_.steady());
  else
    one.state.has_no_streams(clock_.steady());
}

void Watch::close(One& one) {
  if (one.stream) cluster_.close_stream(*one.stream);
  one.stream.reset();
}

bool Watch::take(const StreamPart& part) {
  const auto found = std::find_if(all_.begin(), all_.end(), [&](const One& one) { return one.stream == part.stream; });
  if (found == all_.end()) return false;
  const auto heard = part.bytes.empty() ? WatchState::Heard{} : found->state.heard(part.bytes, clock_.steady());
  if (part.end) {
    if (!heard.over) found->state.ended(*part.end, clock_.steady());
    found->stream.reset();
  } else if (heard.over) {
    close(*found);
  }
  tell(*found);
  return heard.changed;
}

void Watch::tell(const One& one) {
  const auto& why = one.state.polls_because();
  if (why.empty() || std::exchange(told_, true) || !options_.told) return;
  options_.told(why + "; looking every " + human_duration(options_.look_again) + " instead");
}

}  // namespace mlctl::deploy
