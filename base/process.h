// Child processes: started from an empty environment plus PATH, HOME and what is given; no shell; in a session (and so
// a process group) of their own, without a terminal; they die with their parent. Their output is kept bounded. A child
// that a killed run left behind is found by pid and start time and ended, with what it started.
// "With their parent" is the thread that starts them (prctl(2), PR_SET_PDEATHSIG): start children from the main thread
// or from one that outlives them.
// What escapes: a grandchild that makes a session of its own.
#pragma once
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace mlctl {

struct ProcessSpec {
  // Looked up in PATH unless it has a slash; "./serve" counts from `folder`.
  std::vector<std::string> command;
  std::map<std::string, std::string> environment;  // beside PATH and HOME of this process
  std::filesystem::path folder;                    // working directory; empty: that of this process
  std::size_t output_limit = 64 * 1024;  // bytes kept of stdout and stderr together: the first half and the last half
  std::string input;                     // given on stdin, then closed
  bool drop_errors = false;              // stderr goes nowhere: `output` is stdout alone
};

struct ProcessResult {
  int exit_code = -1;  // 128 + signal when it was killed
  std::string output;  // as printed, not escaped; bounded; "… N bytes left out …" in the middle
};

class ChildProcess {
 public:
  // Error{unavailable} when the program does not exist or cannot be started. When `record` is given, a small file with
  // pid and start time is there before the child's program begins, and until it is ended, for end_leftovers().
  static Result<ChildProcess> start(const ProcessSpec& spec, const std::filesystem::path& record = {});
  ~ChildProcess();  // ends it
  ChildProcess(ChildProcess&&) noexcept;
  ChildProcess& operator=(ChildProcess&&) noexcept;

  [[nodiscard]] int pid() const;
  // The exit code (128 + signal when killed) when it has ended, nullopt while it runs.
  [[nodiscard]] std::optional<int> poll();
  // What it has printed so far, bounded as in ProcessSpec.
  [[nodiscard]] std::string output() const;
  // SIGTERM to the group; when the child has ended, or after `grace`, SIGKILL to all of its session. Waits for the end.
  void end(std::chrono::milliseconds grace = std::chrono::seconds(5));

 private:
  struct State;
  explicit ChildProcess(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Runs to the end or `limit` (then it is ended: Error{timeout}); Ctrl-C ends it: Error{interrupted}.
[[nodiscard]] Result<ProcessResult> run_process(const ProcessSpec& spec, std::chrono::milliseconds limit);

// Ends every child recorded in `folder` whose pid still has the recorded start time and whose parent is gone, and what
// is left of its session; deletes their records; returns how many children or sessions were ended. No such folder: 0.
[[nodiscard]] Result<int> end_leftovers(const std::filesystem::path& folder);

}  // namespace mlctl
