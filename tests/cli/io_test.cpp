#include "cli/io.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

using namespace mlctl::cli;

TEST_CASE("everything that is written arrives") {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  {
    DescriptorStream out(ends[1]);
    out << "one " << 2 << '\n';
    CHECK(out.finish() == 0);
  }
  std::array<char, 100> buffer{};
  CHECK(::read(ends[0], buffer.data(), buffer.size()) == 6);
  CHECK(std::string(buffer.data()) == "one 2\n");
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE("a closed pipe swallows quietly, a full disk is told") {
  std::signal(SIGPIPE, SIG_IGN);
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  ::close(ends[0]);
  DescriptorStream closed(ends[1]);
  closed << std::string(100'000, 'x');
  CHECK(closed.good());
  CHECK(closed.finish() == 0);
  ::close(ends[1]);

  const int fd = ::open("/dev/full", O_WRONLY);
  if (fd < 0) {
    MESSAGE("skipped: no /dev/full here");
    return;
  }
  DescriptorStream full(fd);
  full << "x";
  CHECK(full.finish() == ENOSPC);
  ::close(fd);
}
