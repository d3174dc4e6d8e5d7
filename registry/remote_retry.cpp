#include "registry/remote_retry.h"

#include <algorithm>

namespace mlctl::registry {

constexpr std::chrono::milliseconds longest_step{15'000};
constexpr std::chrono::seconds longest_asked{120};

bool is_passing(const Error& error) {
  // What has a hint is something that a person must change first.
  return (error.kind == Error::Kind::unavailable || error.kind == Error::Kind::timeout) && error.hint.empty();
}

bool Backoff::wait(std::optional<std::chrono::seconds> asked) {
  if (left_ <= 0 || interrupted() || (asked && *asked > longest_asked)) return false;
  --left_;
  std::uniform_int_distribution<std::int64_t> chance(step_.count() / 2, step_.count());
  Duration pause = std::chrono::milliseconds(chance(random_));
  if (asked) pause = std::max<Duration>(pause, *asked);
  step_ = std::min(step_ * 2, longest_step);
  if (deadline_ && clock_.steady() + pause >= *deadline_) return false;
  clock_.sleep_until(clock_.steady() + pause);
  return !interrupted();
}

}  // namespace mlctl::registry
