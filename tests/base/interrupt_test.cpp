#include "base/interrupt.h"

#include <chrono>
#include <csignal>
#include <doctest/doctest.h>
#include <poll.h>

#include "base/clock.h"
#include "tests/base/process_help.h"

using mlctl::test::in_fork;

static bool readable(int fd) {
  pollfd watched{fd, POLLIN, 0};
  return ::poll(&watched, 1, 0) == 1;
}

TEST_CASE("the first signal is noted, the second ends the process with 130") {
  for (const int signal : {SIGINT, SIGTERM}) {
    CAPTURE(signal);
    const int code = in_fork([signal] {
      mlctl::install_interrupt_handlers();
      mlctl::install_interrupt_handlers();
      if (mlctl::interrupted() || readable(mlctl::interrupt_fd())) return 1;
      ::raise(signal);
      if (!mlctl::interrupted() || !readable(mlctl::interrupt_fd())) return 2;
      ::raise(signal);
      return 3;
    });
    CHECK(code == 130);
  }
}

TEST_CASE("last words are said undisturbed, for a time, and the next signal ends them") {
  const int code = in_fork([] {
    mlctl::install_interrupt_handlers();
    ::raise(SIGINT);
    {
      const mlctl::LastWords words(std::chrono::minutes(1));
      if (mlctl::interrupted() || readable(mlctl::interrupt_fd())) return 1;
    }
    if (!mlctl::interrupted() || !readable(mlctl::interrupt_fd())) return 2;
    {
      const mlctl::LastWords words(std::chrono::milliseconds(0));
      if (!mlctl::interrupted()) return 3;  // its time is over
    }
    const mlctl::LastWords words(std::chrono::minutes(1));
    ::raise(SIGINT);
    return 4;
  });
  CHECK(code == 130);
}

TEST_CASE("a sleep ends at a signal") {
  const int code = in_fork([] {
    mlctl::install_interrupt_handlers();
    ::raise(SIGINT);
    auto& clock = mlctl::system_clock();
    const auto begun = clock.steady();
    clock.sleep_until(begun + std::chrono::minutes(10));
    return clock.steady() - begun < std::chrono::minutes(1) ? 0 : 1;
  });
  CHECK(code == 0);
}

TEST_CASE("without handlers there is nothing to wait for") {
  CHECK(mlctl::interrupt_fd() == -1);
  CHECK_FALSE(mlctl::interrupted());
  CHECK(mlctl::interrupted_error().kind == mlctl::Error::Kind::interrupted);
}
