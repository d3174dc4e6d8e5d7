#include "base/clock.h"

#include <chrono>
#include <doctest/doctest.h>
#include <string>

using namespace std::chrono_literals;
using mlctl::WallTime;

static WallTime at(long long seconds) {
  return WallTime(std::chrono::seconds(seconds));
}

TEST_CASE("times are written and read as RFC 3339") {
  struct Case {
    const char* name;
    const char* text;
    long long seconds;
  };
  const Case cases[] = {
      {"epoch", "1970-01-01T00:00:00Z", 0},
      {"leap day", "2024-02-29T12:30:01Z", 1709209801},
      {"before the epoch", "1969-12-31T23:59:59Z", -1},
      {"after 2038", "2100-01-01T00:00:00Z", 4102444800},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    CHECK(mlctl::rfc3339(at(c.seconds)) == c.text);
    const auto read = mlctl::parse_rfc3339(c.text);
    REQUIRE(read);
    CHECK(*read == at(c.seconds));
  }
}

TEST_CASE("other writings of a time are understood") {
  struct Case {
    const char* text;
    long long seconds;
  };
  const Case cases[] = {{"1970-01-01T02:00:00+02:00", 0},
                        {"1969-12-31T19:30:00-04:30", 0},
                        {"1970-01-01t00:00:01.999z", 1},
                        {"1970-01-01T00:00:01.5-00:00", 1}};
  for (const auto& c : cases) {
    CAPTURE(c.text);
    const auto read = mlctl::parse_rfc3339(c.text);
    REQUIRE(read);
    CHECK(*read == at(c.seconds));
  }
}

TEST_CASE("what is not a time is refused") {
  for (const char* text :
       {"", "2026", "2026-11-22", "2026-11-22T17:44:48", "2026-11-22 17:44:48Z", "2026-02-30T00:00:00Z",
        "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-11-22T24:00:00Z", "2026-11-22T23:60:00Z",
        "2026-11-22T23:59:60Z", "2026-11-22T17:44:48.Z", "2026-11-22T17:44:48.", "2026-11-22T17:44:48Zx",
        "2026-11-22T17:44:48+1:00", "+026-11-22T17:44:48Z"}) {
    CAPTURE(text);
    const auto read = mlctl::parse_rfc3339(text);
    REQUIRE_FALSE(read);
    CHECK(read.error().kind == mlctl::Error::Kind::usage);
  }
}

TEST_CASE("dates of HTTP") {
  const auto read = mlctl::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT");
  REQUIRE(read);
  CHECK(mlctl::rfc3339(*read) == "1994-11-06T08:49:37Z");
  for (const char* text :
       {"", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 31 Feb 2026 00:00:00 GMT",
        "Sun, 06 Nox 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 UTC"})
    CHECK_FALSE(mlctl::parse_http_date(text));
}

TEST_CASE("durations are told in the unit that fits") {
  struct Case {
    mlctl::Duration duration;
    const char* text;
  };
  const Case cases[] = {
      {0ns, "0 us"},      {1500ns, "1.5 us"},  {850us, "850 us"},        {999600ns, "1 ms"},
      {1500us, "1.5 ms"}, {250ms, "250 ms"},   {3200ms, "3.2 s"},        {59s, "59 s"},
      {59990ms, "1 min"}, {125s, "2 min 5 s"}, {1h + 5min, "1 h 5 min"}, {52h, "2 d 4 h"},
      {-3s, "-3 s"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.text);
    CHECK(mlctl::human_duration(c.duration) == c.text);
  }
}

TEST_CASE("moments are told by their distance") {
  struct Case {
    long long passed;
    const char* text;
  };
  const Case cases[] = {{0, "just now"},        {4, "just now"},           {5, "5 seconds ago"},
                        {60, "1 minute ago"},   {180, "3 minutes ago"},    {7199, "1 hour ago"},
                        {172800, "2 days ago"}, {5259600, "2 months ago"}, {40000000, "1 year ago"},
                        {-7200, "in 2 hours"}};
  for (const auto& c : cases) {
    CAPTURE(c.text);
    CHECK(mlctl::ago(at(1000000000 - c.passed), at(1000000000)) == c.text);
  }
}

TEST_CASE("a clock moved by hand moves both of its faces") {
  mlctl::ManualClock clock;
  CHECK(mlctl::rfc3339(clock.wall()) == "2026-01-01T00:00:00Z");
  const auto begun = clock.steady();
  clock.advance(90s);
  clock.sleep_until(begun + 100s);
  clock.sleep_until(begun + 50s);
  CHECK(clock.steady() - begun == 100s);
  CHECK(mlctl::rfc3339(clock.wall()) == "2026-01-01T00:01:40Z");
}

TEST_CASE("the real clock never wakes too early") {
  auto& clock = mlctl::system_clock();
  const auto until = clock.steady() + 2ms;
  clock.sleep_until(until);
  CHECK(clock.steady() >= until);
}
