// The composition root: real streams, real time.
#include <csignal>
#include <cstring>
#include <malloc.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "cli/commands.h"
#include "cli/io.h"
#include "cli/run.h"

int main(int argc, char** argv) {
  using namespace mlctl;
  mallopt(M_ARENA_MAX, 2);  // what short-lived threads gave back would stay with the arena of each: memory doubles
  std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away does not stop the work; DescriptorStream knows
  install_interrupt_handlers();
  cli::DescriptorStream results(STDOUT_FILENO);
  cli::DescriptorStream messages(STDERR_FILENO);
  cli::Context context(results, messages, style_of(STDOUT_FILENO), style_of(STDERR_FILENO), system_clock());
  context.progress_fd = STDERR_FILENO;
  int code = cli::run(cli::all_commands(), {argv + (argc > 0 ? 1 : 0), argv + argc}, context);
  if (const int error = results.finish(); error != 0) {
    const int failed =
        context.fail({Error::Kind::unavailable, std::string("writing results: ") + std::strerror(error), ""});
    if (code == 0) code = failed;
  }
  return code;
}
