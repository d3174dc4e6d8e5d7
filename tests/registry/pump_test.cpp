#include "registry/pump.h"

#include <algorithm>
#include <cstring>
#include <doctest/doctest.h>
#include <string>

#include "base/digest.h"

namespace mlctl::registry {
namespace {

// `size` bytes, at most `piece` at a time; fails after `fails_at` of them.
Next pieces(std::uint64_t size, std::size_t piece, std::uint64_t fails_at = ~std::uint64_t{0}) {
  return [=, at = std::uint64_t{0}](char* into, std::size_t room) mutable -> Result<std::size_t> {
    if (at >= fails_at) return Error{Error::Kind::unavailable, "no more", ""};
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>({room, piece, size - at}));
    for (std::size_t i = 0; i < count; ++i) into[i] = static_cast<char>((at + i) * 131 >> 7U);
    at += count;
    return count;
  };
}

TEST_CASE("every taker gets every byte in order, whatever the length and the pieces") {
  for (const std::uint64_t size :
       {0ULL, 1ULL, 4095ULL, 1ULL << 20U, (4ULL << 20U) - 1, 4ULL << 20U, (21ULL << 20U) + 5})
    for (const std::size_t piece : {997UL, 64UL << 10U, 5UL << 20U}) {
      CAPTURE(size);
      CAPTURE(piece);
      Sha256 first, second;
      std::string third;
      const auto status = pump(pieces(size, piece),
                               {[&](std::string_view bytes) {
                                  first.update(bytes);
                                  return ok();
                                },
                                [&](std::string_view bytes) {
                                  second.update(bytes);
                                  return ok();
                                },
                                [&](std::string_view bytes) {
                                  third += bytes;
                                  return ok();
                                }},
                               size);
      REQUIRE(status);
      CHECK(third.size() == size);
      const auto digest = digest_of(third);
      CHECK(first.finish() == digest);
      CHECK(second.finish() == digest);
    }
}

TEST_CASE("the first error of the source or of a taker ends it") {
  const auto count = [](std::string_view) { return ok(); };
  const Sink refuses = [seen = 0](std::string_view) mutable {
    return ++seen < 3 ? ok() : Status(Error{Error::Kind::unavailable, "full", ""});
  };
  for (const std::uint64_t size : {3ULL << 20U, 64ULL << 20U}) {
    CAPTURE(size);
    CHECK(pump(pieces(size, 1000, 2000), {count, count}, size).error().message == "no more");
    CHECK(pump(pieces(size, 1U << 20U), {count, refuses}, size).error().message == "full");
    CHECK(pump(pieces(size, 1U << 20U), {refuses, count}, size).error().message == "full");
  }
}

}  // namespace
}  // namespace mlctl::registry
