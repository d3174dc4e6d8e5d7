// The scalars of the configuration files: "250ms", "10%", "60/s", "1Gi". Each parser takes the whole text or
// returns Error{usage} that shows an example.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace mlctl {

[[nodiscard]] Result<Duration> parse_duration(std::string_view text);  // 250ms 3s 5m 2h, whole or decimal number, > 0
[[nodiscard]] Result<double> parse_percent(std::string_view text);     // "10%" -> 0.10; the sign is required
[[nodiscard]] Result<double> parse_rate(std::string_view text);        // "60/s" -> 60 per second, > 0
// Kubernetes quantities ("500m", "1Gi", "40"): the value in base units. Source: apimachinery resource.Quantity.
[[nodiscard]] Result<double> parse_quantity(std::string_view text);
[[nodiscard]] Result<std::int64_t> parse_integer(std::string_view text);
[[nodiscard]] Result<double> parse_number(std::string_view text);  // finite only
// The candidate nearest to `word` by edit distance (at most a third of its length, rounded up), or "".
template <typename Range>
[[nodiscard]] std::string nearest(std::string_view word, const Range& candidates);
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

template <typename Range>
std::string nearest(std::string_view word, const Range& candidates) {
  std::string best;
  std::size_t best_distance = word.size() < 2 ? 0 : (word.size() + 2) / 3;
  for (const auto& candidate : candidates) {
    const auto distance = edit_distance(word, candidate);
    if (distance <= best_distance && (best.empty() || distance < best_distance)) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace mlctl
