// For tests: code that must run in a process of its own because it dies, or changes what all others see.
#pragma once
#include <csignal>
#include <cstdio>
#include <functional>
#include <sys/wait.h>
#include <unistd.h>

namespace mlctl::test {

// The exit code of `run`, done in a fork of the test; 128 + signal when it was killed.
inline int in_fork(const std::function<int()>& run) {
  std::fflush(nullptr);  // else the child may write it too
  const int pid = ::fork();
  if (pid == 0) ::_exit(run());
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// A fork that lives until it is killed or the object goes; `run` should not return.
class Fork {
 public:
  explicit Fork(const std::function<void()>& run) {
    std::fflush(nullptr);
    pid_ = ::fork();
    if (pid_ != 0) return;
    run();
    for (;;) ::pause();
  }
  ~Fork() { kill(); }
  Fork(const Fork&) = delete;
  Fork& operator=(const Fork&) = delete;
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  int pid_ = -1;
};

}  // namespace mlctl::test
