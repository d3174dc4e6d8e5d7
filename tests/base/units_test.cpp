#include "base/units.h"

#include <doctest/doctest.h>
#include <string>
#include <vector>

using namespace mlctl;
using namespace std::chrono_literals;

TEST_CASE("durations") {
  for (const auto& [text, value] : std::vector<std::pair<std::string, Duration>>{
           {"250ms", 250ms}, {"3s", 3s}, {"5m", 5min}, {"2h", 2h}, {"1.5s", 1500ms}, {"10us", 10us}, {"1d", 24h}}) {
    INFO(text);
    const auto parsed = parse_duration(text);
    REQUIRE(parsed);
    CHECK(*parsed == value);
  }
  for (const auto* text : {"", "5", "s", "-3s", "+3s", "0s", "3 s", "3S", "1e3s", ".5s", "5.s", "1h30m", "99999999h"}) {
    INFO(std::string(text));
    CHECK(!parse_duration(text));
  }
  CHECK(parse_duration("5").error().message == "'5' is not a duration");
  CHECK(parse_duration("5").error().hint == "durations are written 250ms, 3s, 5m, 2h");
}

TEST_CASE("percentages carry their sign, rates their unit") {
  CHECK(*parse_percent("10%") == doctest::Approx(0.1));
  CHECK(*parse_percent("0%") == 0);
  CHECK(*parse_rate("60/s") == 60);
  for (const auto* text : {"10", "%", "-1%", "1%%", "ten%"}) CHECK(!parse_percent(text));
  for (const auto* text : {"60", "60/m", "/s", "0/s", "-1/s", "60 /s"}) CHECK(!parse_rate(text));
}

TEST_CASE("quantities are those of Kubernetes") {
  for (const auto& [text, value] : std::vector<std::pair<std::string, double>>{
           {"500m", 0.5}, {"2", 2}, {"1Gi", 1073741824.0}, {"1.5k", 1500}, {"40", 40}, {"3M", 3e6}, {"0", 0}}) {
    INFO(text);
    const auto parsed = parse_quantity(text);
    REQUIRE(parsed);
    CHECK(*parsed == doctest::Approx(value));
  }
  for (const auto* text : {"", "Gi", "1GB", "1 Gi", "-1", "1e3x"}) CHECK(!parse_quantity(text));
}

TEST_CASE("numbers take the whole text and stay finite") {
  CHECK(*parse_integer("-12") == -12);
  CHECK(*parse_number("1e-5") == 1e-5);
  for (const auto* text : {"", "1x", "0x10", "99999999999999999999", "1.5", "+", "+-1"}) CHECK(!parse_integer(text));
  for (const auto* text : {"", "inf", "nan", "1e999", "1x"}) CHECK(!parse_number(text));
}

TEST_CASE("the nearest word is near, or there is none") {
  const std::vector<std::string> words{"runtime", "resources", "rollout"};
  CHECK(nearest("runtme", words) == "runtime");
  CHECK(nearest("resource", words) == "resources");
  CHECK(nearest("zebra", words).empty());
  CHECK(nearest("n", std::vector<std::string>{"m"}).empty());
  CHECK(nearest("xml", std::vector<std::string>{"text", "json", "yaml"}).empty());
  CHECK(edit_distance("kitten", "sitting") == 3);
}
