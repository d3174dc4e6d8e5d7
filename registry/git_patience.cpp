#include "registry/git_patience.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/interrupt.h"

namespace mlctl::registry::git {
namespace {

namespace fs = std::filesystem;

// libgit2 may connect again, to the next address, after the first connection was shut down.
constexpr int again_ms = 20;

Duration now() {
  return system_clock().steady().time_since_epoch();
}

bool is_tcp(int fd) {
  int type = 0, family = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM) return false;
  size = sizeof family;
  return ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0 && (family == AF_INET || family == AF_INET6);
}

std::set<int> connections() {
  std::set<int> found;
  std::error_code code;
  for (fs::directory_iterator entry("/proc/self/fd", code), end; !code && entry != end; entry.increment(code)) {
    const auto name = entry->path().filename().string();
    int fd = -1;
    std::from_chars(name.data(), name.data() + name.size(), fd);
    if (fd >= 0 && is_tcp(fd)) found.insert(fd);
  }
  return found;
}

}  // namespace

Patience::Patience(Duration limit)
    : limit_(limit),
      deadline_((now() + limit).count()),
      others_(connections()),
      done_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
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

bool Patience::lost() const {
  return lost_.load();
}

void Patience::watch() {
  for (;;) {
    const auto left = Duration(deadline_.load()) - now();
    const bool late = lost_.load() || left <= Duration::zero();
    const bool give_up = late || interrupted();
    if (late) lost_.store(true);
    if (give_up)
      for (const int fd : connections())
        if (others_.count(fd) == 0) ::shutdown(fd, SHUT_RDWR);
    // A negative descriptor is passed over: interrupt_fd() stays readable, and there is none before its installation.
    pollfd watched[] = {{done_, POLLIN, 0}, {give_up ? -1 : interrupt_fd(), POLLIN, 0}};
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    ::poll(watched, 2, give_up ? again_ms : static_cast<int>(std::min<std::int64_t>(wait, 60'000)));
    if ((watched[0].revents & POLLIN) != 0) return;
  }
}

}  // namespace mlctl::registry::git
