#include "registry/pump.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "base/interrupt.h"

namespace mlctl::registry {
namespace {

constexpr std::size_t buffer_size = 1U << 20U;
constexpr std::size_t ring_size = 4;
constexpr std::uint64_t long_stream = 4U << 20U;  // bytes; below, threads cost more than they save

// As much as there is room for, so that a source of small pieces makes no small steps.
Result<std::size_t> fill(const Next& next, char* into, std::size_t room) {
  std::size_t filled = 0;
  while (filled < room) {
    auto got = next(into + filled, room - filled);
    if (!got) return got;
    if (*got == 0) break;
    filled += *got;
  }
  return filled;
}

Status pump_here(const Next& next, const std::vector<Sink>& takers, std::uint64_t size) {
  // Not initialised, and one byte more than is expected: the last read says that it was the last.
  const auto room = static_cast<std::size_t>(std::min<std::uint64_t>(size, buffer_size - 1) + 1);
  const std::unique_ptr<char[]> buffer(new char[room]);
  for (;;) {
    if (interrupted()) return interrupted_error();
    auto got = next(buffer.get(), room);
    if (!got) return got.error();
    if (*got == 0) return ok();
    for (const auto& taker : takers)
      if (auto taken = taker({buffer.get(), *got}); !taken) return taken;
  }
}

class Ring {
 public:
  Ring(const Next& next, const std::vector<Sink>& takers)
      : next_(next), takers_(takers), taken_(takers.size(), 0), memory_(new char[buffer_size * ring_size]) {}

  Status run() {
    std::vector<std::thread> threads;
    threads.emplace_back([this] { read(); });
    for (std::size_t i = 0; i + 1 < takers_.size(); ++i) threads.emplace_back([this, i] { take(i); });
    take(takers_.size() - 1);
    for (auto& thread : threads) thread.join();
    return error_ ? Status(*error_) : ok();
  }

 private:
  [[nodiscard]] char* buffer(std::uint64_t number) const { return memory_.get() + (number % ring_size) * buffer_size; }

  void fail(const Error& error) {
    const std::lock_guard guard(mutex_);
    if (!error_) error_ = error;
    changed_.notify_all();
  }

  void read() {
    for (std::uint64_t number = 0;; ++number) {
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock,
                      [&] { return error_ || number < *std::min_element(taken_.begin(), taken_.end()) + ring_size; });
        if (error_) return;
      }
      if (interrupted()) return fail(interrupted_error());
      auto got = fill(next_, buffer(number), buffer_size);
      if (!got) return fail(got.error());
      const std::lock_guard guard(mutex_);
      sizes_[number % ring_size] = *got;
      ++read_;
      changed_.notify_all();
      if (*got == 0) return;
    }
  }

  void take(std::size_t who) {
    for (std::uint64_t number = 0;; ++number) {
      std::size_t size = 0;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return error_ || number < read_; });
        if (error_) return;
        size = sizes_[number % ring_size];
      }
      if (size == 0) return;
      if (auto taken = takers_[who]({buffer(number), size}); !taken) return fail(taken.error());
      const std::lock_guard guard(mutex_);
      ++taken_[who];
      changed_.notify_all();
    }
  }

  const Next& next_;
  const std::vector<Sink>& takers_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t read_ = 0;            // buffers filled so far
  std::vector<std::uint64_t> taken_;  // by each taker
  std::array<std::size_t, ring_size> sizes_{};
  std::optional<Error> error_;
  std::unique_ptr<char[]> memory_;
};

}  // namespace

Status pump(const Next& next, const std::vector<Sink>& takers, std::uint64_t size) {
  return size < long_stream ? pump_here(next, takers, size) : Ring(next, takers).run();
}

}  // namespace mlctl::registry
