#include "registry/git_patience.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/interrupt.h"

namespace mlctl::registry::git {
namespace {

// A blocked call may be entered again just after it was interrupted.
constexpr int nudge_ms = 20;

extern "C" void do_nothing(int) {}

// SIGURG is ignored by default, so that one which comes late, or from elsewhere, does no harm.
void handle_signal() {
  static const int once = [] {
    struct sigaction action{};
    action.sa_handler = do_nothing;
    sigemptyset(&action.sa_mask);
    return ::sigaction(SIGURG, &action, nullptr);
  }();
  static_cast<void>(once);
}

Duration now() {
  return system_clock().steady().time_since_epoch();
}

}  // namespace

Patience::Patience(Duration limit)
    : limit_(limit),
      deadline_((now() + limit).count()),
      waiting_(::pthread_self()),
      done_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  handle_signal();
  if (done_ >= 0) watcher_ = std::thread([this] { watch(); });
}

Patience::~Patience() {
  if (done_ < 0) return;
  const std::uint64_t one = 1;
  while (::write(done_, &one, sizeof one) < 0 && errno == EINTR) {
  }
  watcher_.join();
  ::close(done_);
}

void Patience::alive() {
  deadline_.store((now() + limit_).count());
}

bool Patience::lost() {
  return lost_.load();
}

void Patience::watch() {
  for (;;) {
    const auto left = Duration(deadline_.load()) - now();
    const bool late = lost_.load() || left <= Duration::zero();
    const bool give_up = late || interrupted();
    if (late) lost_.store(true);
    if (give_up) ::pthread_kill(waiting_, SIGURG);
    // A negative descriptor is passed over: interrupt_fd() stays readable, and there is none before its installation.
    pollfd watched[] = {{done_, POLLIN, 0}, {give_up ? -1 : interrupt_fd(), POLLIN, 0}};
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    ::poll(watched, 2, give_up ? nudge_ms : static_cast<int>(std::min<std::int64_t>(wait, 60'000)));
    if ((watched[0].revents & POLLIN) != 0) return;
  }
}

}  // namespace mlctl::registry::git
