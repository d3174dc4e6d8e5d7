#include "base/units.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>
#include <optional>
#include <vector>

namespace mlctl {
namespace {

struct Suffix {
  std::string_view text;
  double factor;
};

Error bad(std::string_view text, std::string_view what, const std::string& example) {
  const bool cut = text.size() > 60;
  return {Error::Kind::usage,
          "'" + std::string(text.substr(0, 60)) + (cut ? "…" : "") + "' is not " + std::string(what), example};
}

// A decimal number without exponent, sign or anything around it: what people write before a unit.
std::optional<double> plain_decimal(std::string_view text) {
  if (text.empty() || text.size() > 30) return std::nullopt;
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
  if (!plain || text.front() == '.' || text.back() == '.') return std::nullopt;
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool take_suffix(std::string_view& text, std::string_view suffix) {
  if (text.size() <= suffix.size() || text.substr(text.size() - suffix.size()) != suffix) return false;
  text.remove_suffix(suffix.size());
  return true;
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  static constexpr std::array<Suffix, 6> units{
      {{"ms", 1e6}, {"us", 1e3}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}, {"d", 86400e9}}};
  const Error error = bad(text, "a duration", "durations are written 250ms, 3s, 5m, 2h");
  for (const auto& unit : units) {
    std::string_view number = text;
    if (!take_suffix(number, unit.text)) continue;
    const auto value = plain_decimal(number);
    if (!value) continue;
    const double nanoseconds = *value * unit.factor;
    if (nanoseconds < 1 || nanoseconds > 100.0 * 365 * 86400e9) return error;
    return Duration(static_cast<std::int64_t>(std::llround(nanoseconds)));
  }
  return error;
}

Result<double> parse_percent(std::string_view text) {
  std::string_view number = text;
  const auto value = take_suffix(number, "%") ? plain_decimal(number) : std::nullopt;
  if (!value) return bad(text, "a percentage", "percentages carry their sign: 10%, 0.5%");
  return *value / 100;
}

Result<double> parse_rate(std::string_view text) {
  std::string_view number = text;
  const auto value = take_suffix(number, "/s") ? plain_decimal(number) : std::nullopt;
  if (!value || *value <= 0) return bad(text, "a rate", "rates are written per second: 60/s");
  return *value;
}

Result<double> parse_quantity(std::string_view text) {
  static constexpr std::array<Suffix, 16> units{{{"Ki", 0x1p10},
                                                 {"Mi", 0x1p20},
                                                 {"Gi", 0x1p30},
                                                 {"Ti", 0x1p40},
                                                 {"Pi", 0x1p50},
                                                 {"Ei", 0x1p60},
                                                 {"n", 1e-9},
                                                 {"u", 1e-6},
                                                 {"m", 1e-3},
                                                 {"k", 1e3},
                                                 {"M", 1e6},
                                                 {"G", 1e9},
                                                 {"T", 1e12},
                                                 {"P", 1e15},
                                                 {"E", 1e18},
                                                 {"", 1}}};
  for (const auto& unit : units) {
    std::string_view number = text;
    if (!unit.text.empty() && !take_suffix(number, unit.text)) continue;
    if (const auto value = plain_decimal(number)) return *value * unit.factor;
  }
  return bad(text, "a quantity", "quantities are written as in Kubernetes: 500m, 2, 1Gi");
}

Result<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  std::string_view digits = text;
  if (digits.size() > 1 && digits.front() == '+' && digits[1] != '-') digits.remove_prefix(1);
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || code != std::errc{} || end != digits.data() + digits.size()) {
    return bad(text, "a whole number", "");
  }
  return value;
}

Result<double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || code != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) {
    return bad(text, "a number", "");
  }
  return value;
}

// Levenshtein, with one row.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  a = a.substr(0, 200);
  b = b.substr(0, 200);
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

}  // namespace mlctl
