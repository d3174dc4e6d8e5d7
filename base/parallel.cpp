#include "base/parallel.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace mlctl {

Status in_parallel(std::size_t count, std::size_t workers, const std::function<Status(std::size_t index)>& work) {
  std::atomic<std::size_t> next{0};
  std::atomic<bool> failed{false};
  std::mutex mutex;
  std::optional<Error> first;
  const auto run = [&] {
    for (std::size_t i = next++; i < count && !failed; i = next++) {
      const auto done = work(i);
      if (done) continue;
      failed = true;
      const std::lock_guard guard(mutex);
      if (!first) first = done.error();
    }
  };
  std::vector<std::thread> others;
  for (std::size_t i = 1; i < std::min(count, workers); ++i) others.emplace_back(run);
  run();
  for (auto& other : others) other.join();
  return first ? Status(*first) : ok();
}

std::size_t processors() {
  return std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace mlctl
