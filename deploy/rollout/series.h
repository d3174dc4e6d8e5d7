// What Prometheus answers: series with their labels and values. Pure; everything that is read is hostile: bounded in
// size and number. Source: Prometheus HTTP API, /api/v1/query and /api/v1/query_range.
#pragma once
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace mlctl::deploy {

struct Series {
  std::string name;
  std::map<std::string, std::string> labels;
  double value = 0;
};
// Finite, not negative, and few enough that sums of them stay numbers.
[[nodiscard]] bool is_count(double value);
// "" where it has none of this name.
[[nodiscard]] std::string label(const Series& series, const std::string& name);
// nullopt: no number ("NaN" and "+Inf" are numbers).
[[nodiscard]] std::optional<double> number_of(std::string_view text);

inline constexpr std::size_t prometheus_limit = 16U << 20U;  // bytes
inline constexpr std::size_t series_limit = 100'000;         // of one answer

// Of /api/v1/query. Error{unavailable}: Prometheus says no, with its words; Error{corrupt}: no vector.
[[nodiscard]] Result<std::vector<Series>> parse_vector(std::string_view body);

struct RangeSeries {
  Series series;                                       // without a value
  std::vector<std::pair<std::size_t, double>> values;  // place -> value
};
// Of /api/v1/query_range: values at `points` places, `step` seconds apart from `start` (Unix seconds) on. Errors as of
// parse_vector(); a value at no such place is Error{corrupt}.
[[nodiscard]] Result<std::vector<RangeSeries>> parse_matrix(std::string_view body, double start, double step,
                                                            std::size_t points);

// Text inside a double-quoted string of PromQL, and inside a regular expression (RE2) in such a string.
[[nodiscard]] std::string promql_text(const std::string& text);
[[nodiscard]] std::string promql_regex(const std::string& text);

}  // namespace mlctl::deploy
