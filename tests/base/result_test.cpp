#include "base/result.h"

#include <doctest/doctest.h>
#include <memory>
#include <string>

using mlctl::Error;
using mlctl::Result;

TEST_CASE("each kind of error has one exit code and one name") {
  struct Case {
    Error::Kind kind;
    int code;
    const char* name;
  };
  using Kind = Error::Kind;
  const Case cases[] = {
      {Kind::denied, 1, "denied"},
      {Kind::conflict, 1, "conflict"},
      {Kind::usage, 2, "usage"},
      {Kind::not_found, 2, "not-found"},
      {Kind::corrupt, 1, "corrupt"},
      {Kind::unavailable, 3, "unavailable"},
      {Kind::timeout, 3, "timeout"},
      {Kind::credentials, 4, "credentials"},
      {Kind::inconclusive, 5, "inconclusive"},
      {Kind::interrupted, 130, "interrupted"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    CHECK(mlctl::exit_code(c.kind) == c.code);
    CHECK(mlctl::to_string(c.kind) == std::string(c.name));
  }
}

TEST_CASE("context tells an error from further outside and keeps kind and hint") {
  const Error error = Error{Error::Kind::timeout, "no answer", "wait"}.context("pull");
  CHECK(error.kind == Error::Kind::timeout);
  CHECK(error.message == "pull: no answer");
  CHECK(error.hint == "wait");
}

TEST_CASE("a result holds a value or an error, also of a type that only moves") {
  Result<std::unique_ptr<int>> good = std::make_unique<int>(7);
  REQUIRE(good);
  const std::unique_ptr<int> moved = *std::move(good);
  CHECK(*moved == 7);
  const Result<std::unique_ptr<int>> bad = Error{Error::Kind::usage, "no", ""};
  REQUIRE_FALSE(bad);
  CHECK(bad.error().message == "no");
}
