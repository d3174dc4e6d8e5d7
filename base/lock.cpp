#include "base/lock.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/terminal.h"

namespace mlctl {

Result<FileLock> FileLock::acquire(const std::filesystem::path& path, LockKind kind, std::chrono::milliseconds limit) {
  // Read-only is enough for flock(2), so that a shared lock can be had on a read-only file system.
  File file(::open(path.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0644));
  if (file.fd() < 0) return system_error(errno, "cannot open lock", path);
  const int operation = (kind == LockKind::exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB;
  Clock& clock = system_clock();
  const SteadyTime deadline = clock.steady() + limit;
  Duration pause = std::chrono::milliseconds(1);
  while (::flock(file.fd(), operation) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return system_error(errno, "cannot lock", path);
    if (interrupted()) return interrupted_error();
    const SteadyTime now = clock.steady();
    if (now >= deadline)
      return Error{Error::Kind::timeout,
                   "lock is held by another process: " + escape_control(path.string()) + " (waited " +
                       human_duration(limit) + ")",
                   "wait for the other mlctl to end, or end it"};
    clock.sleep_until(std::min(deadline, now + pause));
    pause = std::min<Duration>(pause * 2, std::chrono::milliseconds(50));
  }
  return FileLock(std::move(file));
}

}  // namespace mlctl
