#include "base/parallel.h"

#include <atomic>
#include <doctest/doctest.h>
#include <set>
#include <thread>
#include <vector>

namespace mlctl {
namespace {

TEST_CASE("in_parallel") {
  SUBCASE("everything is done once, however many workers there are") {
    for (const std::size_t workers : {0U, 1U, 3U, 100U}) {
      CAPTURE(workers);
      std::vector<std::atomic<int>> times(50);
      CHECK(in_parallel(times.size(), workers, [&](std::size_t i) {
        ++times[i];
        return ok();
      }));
      for (const auto& one : times) CHECK(one == 1);
    }
  }
  SUBCASE("nothing to do is done") {
    CHECK(in_parallel(0, 8, [](std::size_t) { return ok(); }));
  }
  SUBCASE("it is really at once: two that wait for each other end") {
    std::atomic<int> there{0};
    CHECK(in_parallel(2, 2, [&](std::size_t) {
      ++there;
      while (there < 2) std::this_thread::yield();
      return ok();
    }));
  }
  SUBCASE("after an error nothing more is begun, and it is told") {
    std::atomic<int> begun{0};
    const auto done = in_parallel(1000, 1, [&](std::size_t i) -> Status {
      ++begun;
      return i == 3 ? Status(Error{Error::Kind::unavailable, "the third", ""}) : ok();
    });
    REQUIRE_FALSE(done);
    CHECK(done.error().message == "the third");
    CHECK(begun == 4);
  }
}

}  // namespace
}  // namespace mlctl
