#include "base/clock.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <optional>
#include <poll.h>

#include "base/interrupt.h"

namespace mlctl {
namespace {

class SystemClock : public Clock {
 public:
  [[nodiscard]] SteadyTime steady() const override { return std::chrono::steady_clock::now(); }
  [[nodiscard]] WallTime wall() const override {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  }
  void sleep_until(SteadyTime when) override {
    while (!interrupted()) {
      const Duration left = when - steady();
      if (left <= Duration::zero()) return;
      const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
      const timespec wait{seconds.count(), (left - seconds).count()};
      pollfd wake{interrupt_fd(), POLLIN, 0};
      ::ppoll(&wake, wake.fd >= 0 ? 1 : 0, &wait, nullptr);
    }
  }
};

constexpr WallTime manual_start = std::chrono::sys_days(std::chrono::year(2026) / 1 / 1);

// A number of exactly `digits` digits, taken from the front of `text`.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, char expected) {
  if (text.empty() || text.front() != expected) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<WallTime> take_date_and_time(std::string_view& text) {
  const auto year = take_number(text, 4);
  if (!year || !take(text, '-')) return std::nullopt;
  const auto month = take_number(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto day = take_number(text, 2);
  if (!day || !(take(text, 'T') || take(text, 't'))) return std::nullopt;
  const auto hour = take_number(text, 2);
  if (!hour || !take(text, ':')) return std::nullopt;
  const auto minute = take_number(text, 2);
  if (!minute || !take(text, ':')) return std::nullopt;
  const auto second = take_number(text, 2);
  if (!second || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  const auto date = std::chrono::year(*year) / static_cast<unsigned>(*month) / static_cast<unsigned>(*day);
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         std::chrono::seconds(*second);
}

bool skip_fraction(std::string_view& text) {
  if (!take(text, '.')) return true;
  const auto end = text.find_first_not_of("0123456789");
  if (end == 0 || end == std::string_view::npos) return false;
  text.remove_prefix(end);
  return true;
}

std::optional<std::chrono::minutes> take_offset(std::string_view text) {
  if (text == "Z" || text == "z") return std::chrono::minutes(0);
  const bool west = !text.empty() && text.front() == '-';
  if (!take(text, west ? '-' : '+')) return std::nullopt;
  const auto hours = take_number(text, 2);
  if (!hours || !take(text, ':')) return std::nullopt;
  const auto minutes = take_number(text, 2);
  if (!minutes || !text.empty() || *hours > 23 || *minutes > 59) return std::nullopt;
  return std::chrono::minutes((*hours * 60 + *minutes) * (west ? -1 : 1));
}

std::string with_unit(double value, const char* unit) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), value < 100 ? "%.1f" : "%.0f", value);
  std::string number = text.data();
  if (number.size() > 2 && number.substr(number.size() - 2) == ".0") number.resize(number.size() - 2);
  return number + " " + unit;
}

std::string two_units(std::int64_t total, std::int64_t size, const char* big, const char* small) {
  const std::string rest = total % size == 0 ? "" : " " + std::to_string(total % size) + " " + small;
  return std::to_string(total / size) + " " + big + rest;
}

}  // namespace

Clock& system_clock() {
  static SystemClock clock;
  return clock;
}

WallTime ManualClock::wall() const {
  return manual_start + std::chrono::floor<std::chrono::seconds>(now_.time_since_epoch());
}

std::string rfc3339(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text.data();
}

Result<WallTime> parse_rfc3339(std::string_view text) {
  const Error bad{Error::Kind::usage, "not a time: '" + std::string(text.substr(0, 100)) + "'",
                  "write it as 2026-11-22T17:44:48Z"};
  const auto local = take_date_and_time(text);
  if (!local || !skip_fraction(text)) return bad;
  const auto offset = take_offset(text);
  if (!offset) return bad;
  return WallTime(*local - *offset);
}

std::optional<WallTime> parse_http_date(std::string_view text) {
  constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  if (text.size() != 29 || text.substr(3, 2) != ", " || text.substr(25) != " GMT") return std::nullopt;
  const auto month = std::find(months.begin(), months.end(), text.substr(8, 3));
  if (month == months.end()) return std::nullopt;
  const auto number = static_cast<int>(month - months.begin()) + 1;
  const std::string two = (number < 10 ? "0" : "") + std::to_string(number);
  auto time = parse_rfc3339(std::string(text.substr(12, 4)) + "-" + two + "-" + std::string(text.substr(5, 2)) + "T" +
                            std::string(text.substr(17, 8)) + "Z");
  return time ? std::optional(*time) : std::nullopt;
}

std::string human_duration(Duration d) {
  if (d < Duration::zero()) return "-" + human_duration(d == Duration::min() ? Duration::max() : -d);
  const auto ns = static_cast<double>(d.count());
  if (ns < 999.5e3) return with_unit(ns / 1e3, "us");
  if (ns < 999.5e6) return with_unit(ns / 1e6, "ms");
  if (ns < 59.95e9) return with_unit(ns / 1e9, "s");
  const auto seconds = std::chrono::round<std::chrono::seconds>(d).count();
  if (seconds < 3600) return two_units(seconds, 60, "min", "s");
  if (seconds < 86400) return two_units(seconds / 60, 60, "h", "min");
  return two_units(seconds / 3600, 24, "d", "h");
}

std::string ago(WallTime then, WallTime now) {
  struct Unit {
    std::int64_t seconds;
    const char* name;
  };
  static constexpr Unit units[] = {{31557600, "year"}, {2629800, "month"}, {86400, "day"},
                                   {3600, "hour"},     {60, "minute"},     {1, "second"}};
  const std::int64_t passed = (now - then).count();
  const std::int64_t distance = passed < 0 ? -passed : passed;
  if (distance < 5) return "just now";
  for (const auto& unit : units) {
    const std::int64_t count = distance / unit.seconds;
    if (count == 0) continue;
    const std::string text = std::to_string(count) + " " + unit.name + (count == 1 ? "" : "s");
    return passed < 0 ? "in " + text : text + " ago";
  }
  return "just now";
}

}  // namespace mlctl
