// Ctrl-C and SIGTERM: noted, never acted upon inside the handler. Long loops ask interrupted() and return
// Error{interrupted}; a second signal ends the process at once.
#pragma once
#include "base/result.h"

namespace mlctl {

void install_interrupt_handlers();
[[nodiscard]] bool interrupted();
[[nodiscard]] Error interrupted_error();
// Readable when interrupted() became true: for poll(2) beside other descriptors. -1 before install.
[[nodiscard]] int interrupt_fd();

}  // namespace mlctl
