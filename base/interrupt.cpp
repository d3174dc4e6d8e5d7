#include "base/interrupt.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <sys/eventfd.h>
#include <unistd.h>

namespace mlctl {
namespace {

// A handler can reach only globals.
std::atomic<int> signals_seen{0};
std::atomic<int> wake_fd{-1};
std::atomic<std::int64_t> said_until{0};  // nanoseconds of the steady clock; LastWords
static_assert(std::atomic<int>::is_always_lock_free, "used inside a signal handler");

std::int64_t steady_now() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void wake_up() {
  const std::uint64_t one = 1;
  if (::write(wake_fd.load(), &one, sizeof one) < 0) {
    // Nobody waits on it; the count above is enough.
  }
}

extern "C" void note_signal(int) {
  if (signals_seen.fetch_add(1) > 0) ::_exit(130);
  const int saved = errno;
  wake_up();
  errno = saved;
}

}  // namespace

void install_interrupt_handlers() {
  if (wake_fd.load() >= 0) return;
  wake_fd.store(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  struct sigaction action{};
  action.sa_handler = note_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() {
  return signals_seen.load(std::memory_order_relaxed) > 0 && steady_now() >= said_until.load(std::memory_order_relaxed);
}
Error interrupted_error() {
  return {Error::Kind::interrupted, "interrupted", ""};
}
int interrupt_fd() {
  return wake_fd.load();
}

LastWords::LastWords(std::chrono::milliseconds limit) {
  said_until.store(steady_now() + std::chrono::nanoseconds(limit).count());
  std::uint64_t woken = 0;
  if (::read(wake_fd.load(), &woken, sizeof woken) < 0) {
    // No signal yet. Unread, it would wake whoever waits for an answer again and again.
  }
}

LastWords::~LastWords() {
  said_until.store(0);
  if (interrupted()) wake_up();
}

}  // namespace mlctl
