#include "base/lock.h"

#include <array>
#include <doctest/doctest.h>
#include <optional>
#include <unistd.h>

#include "tests/base/process_help.h"

using mlctl::FileLock;
using mlctl::LockKind;
using namespace std::chrono_literals;

TEST_CASE("who may hold a lock beside whom") {
  struct Case {
    const char* name;
    LockKind first;
    LockKind second;
    bool together;
  };
  const Case cases[] = {{"two readers", LockKind::shared, LockKind::shared, true},
                        {"a writer beside a reader", LockKind::shared, LockKind::exclusive, false},
                        {"a reader beside a writer", LockKind::exclusive, LockKind::shared, false},
                        {"two writers", LockKind::exclusive, LockKind::exclusive, false}};
  for (const auto& c : cases) {
    CAPTURE(c.name);
    const auto folder = mlctl::TemporaryFolder::create();
    REQUIRE(folder);
    const auto path = folder->path() / ".lock";
    auto first = FileLock::acquire(path, c.first, 0ms);
    REQUIRE(first);
    const auto second = FileLock::acquire(path, c.second, 5ms);
    CHECK(static_cast<bool>(second) == c.together);
    if (!second) {
      CHECK(second.error().kind == mlctl::Error::Kind::timeout);
      CHECK(second.error().message.find(path.string()) != std::string::npos);
    }
  }
}

TEST_CASE("a lock goes with its object, and with a holder that is killed") {
  const auto folder = mlctl::TemporaryFolder::create();
  REQUIRE(folder);
  const auto path = folder->path() / ".lock";
  {
    CHECK(FileLock::acquire(path, LockKind::exclusive, 0ms));
  }
  CHECK(FileLock::acquire(path, LockKind::exclusive, 0ms));

  std::array<int, 2> ready{};
  REQUIRE(::pipe(ready.data()) == 0);
  std::optional<mlctl::Result<FileLock>> held;
  mlctl::test::Fork holder([&] {
    held.emplace(FileLock::acquire(path, LockKind::exclusive, 0ms));
    if (::write(ready[1], *held ? "y" : "n", 1) != 1) ::_exit(1);
  });
  char answer = 0;
  REQUIRE(::read(ready[0], &answer, 1) == 1);
  REQUIRE(answer == 'y');
  CHECK_FALSE(FileLock::acquire(path, LockKind::exclusive, 0ms));
  holder.kill();
  CHECK(FileLock::acquire(path, LockKind::exclusive, 0ms));
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_CASE("a lock in a folder that does not exist is an error") {
  const auto lock = FileLock::acquire("/nonexistent/folder/.lock", LockKind::shared, 0ms);
  REQUIRE_FALSE(lock);
  CHECK(lock.error().kind == mlctl::Error::Kind::unavailable);
}
