#include "cli/ask.h"

#include <array>
#include <cerrno>
#include <ostream>
#include <poll.h>
#include <unistd.h>

#include "base/interrupt.h"

namespace mlctl::cli {
namespace {

// One line of at most 200 bytes; what is longer is no answer. Ctrl-C restarts a read, but wakes a poll.
Result<std::string> read_answer() {
  std::string line;
  while (line.size() < 200) {
    std::array<pollfd, 2> watched{{{STDIN_FILENO, POLLIN, 0}, {interrupt_fd(), POLLIN, 0}}};
    const auto ready = ::poll(watched.data(), watched.size(), -1);
    if (interrupted()) return interrupted_error();
    if (ready < 0 && errno == EINTR) continue;
    char c = 0;
    if (ready < 0 || ::read(STDIN_FILENO, &c, 1) <= 0 || c == '\n') break;
    line += c;
  }
  return line;
}

}  // namespace

Status can_confirm(const std::string& question, bool yes) {
  if (yes || (::isatty(STDIN_FILENO) != 0 && ::isatty(STDERR_FILENO) != 0)) return ok();
  return Error{Error::Kind::usage, question + " Nobody can be asked here", "`--yes` answers it, MLCTL_YES=true in CI"};
}

Status confirm(const std::string& question, bool yes, Context& context) {
  if (yes) return ok();
  if (auto can = can_confirm(question, yes); !can) return can;
  context.err << escape_control(question) << " [y/N] " << std::flush;
  auto answer = read_answer();
  if (!answer) return answer.error();
  if (*answer == "y" || *answer == "Y" || *answer == "yes") return ok();
  return Error{Error::Kind::denied, "not confirmed: " + question, ""};
}

}  // namespace mlctl::cli
