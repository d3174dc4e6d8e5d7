// Ctrl-C and SIGTERM: noted, never acted upon inside the handler. Long loops ask interrupted() and return
// Error{interrupted}; a second signal ends the process at once.
#pragma once
#include <chrono>

#include "base/result.h"

namespace mlctl {

void install_interrupt_handlers();
[[nodiscard]] bool interrupted();
[[nodiscard]] Error interrupted_error();
// Readable when interrupted() became true: for poll(2) beside other descriptors. -1 before install.
[[nodiscard]] int interrupt_fd();

// What must still be said after a signal, as giving back a name that others would wait for: while it lives, `limit` at
// most, interrupted() is false again. The next signal ends the process as ever. One at a time.
class LastWords {
 public:
  explicit LastWords(std::chrono::milliseconds limit);
  ~LastWords();
  LastWords(const LastWords&) = delete;
  LastWords& operator=(const LastWords&) = delete;
};

}  // namespace mlctl
