// libgit2 1.5 waits for a silent remote without end, and Ctrl-C restarts what it interrupts. While a Patience lives, a
// watcher looks on: once the remote has shown no sign of life for `limit`, or the user pressed Ctrl-C, it shuts down
// the TCP connections that were opened since, again and again until the blocked call has given up. libgit2 gives its
// sockets to nobody, so that they are found among this process's descriptors: nothing else may open connections
// meanwhile.
#pragma once
#include <atomic>
#include <set>
#include <thread>

#include "base/clock.h"

namespace mlctl::registry::git {

class Patience {
 public:
  explicit Patience(Duration limit);
  ~Patience();
  Patience(const Patience&) = delete;
  Patience& operator=(const Patience&) = delete;

  void alive();                     // the remote showed life: the time begins anew
  [[nodiscard]] bool lost() const;  // the limit was reached

 private:
  void watch();

  Duration limit_;
  std::atomic<Duration::rep> deadline_;  // steady clock
  std::atomic<bool> lost_{false};
  std::set<int> others_;  // connections that were there before
  int done_;              // an eventfd
  std::thread watcher_;
};

}  // namespace mlctl::registry::git
