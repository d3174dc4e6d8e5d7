// libgit2 1.5 waits for a silent remote without end, and restarts what a signal with SA_RESTART interrupted. While a
// Patience lives, a watcher looks after the thread that made it: once the remote has shown no sign of life for `limit`,
// or the user pressed Ctrl-C, it sends that thread SIGURG, whose handler does nothing and restarts nothing, again and
// again until the blocked call has given up. Calls on files are not harmed: libgit2 repeats those by itself.
#pragma once
#include <atomic>
#include <pthread.h>
#include <thread>

#include "base/clock.h"

namespace mlctl::registry::git {

class Patience {
 public:
  explicit Patience(Duration limit);
  ~Patience();
  Patience(const Patience&) = delete;
  Patience& operator=(const Patience&) = delete;

  void alive();               // the remote showed life: the time begins anew
  [[nodiscard]] bool lost();  // the limit was reached

 private:
  void watch();

  Duration limit_;
  std::atomic<Duration::rep> deadline_;  // steady clock
  std::atomic<bool> lost_{false};
  pthread_t waiting_;
  int done_;  // an eventfd
  std::thread watcher_;
};

}  // namespace mlctl::registry::git
