#include "deploy/rollout/series.h"

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/terminal.h"
#include "deploy/cluster/fields.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;

Error not_an_answer() {
  return {Error::Kind::unavailable, "what Prometheus answers is no list of series",
          "is `cluster.prometheus` the address of a Prometheus?"};
}

// [time, "number"]
std::optional<std::pair<double, double>> point_of(const Json& value) {
  if (!value.is_array() || value.size() != 2 || !value[0].is_number() || !value[1].is_string()) return std::nullopt;
  const auto number = number_of(value[1].get<std::string>());
  return number ? std::optional(std::pair(value[0].get<double>(), *number)) : std::nullopt;
}

Series series_of(const Json& item) {
  Series out;
  for (const auto& [name, text] : field(item, "metric").items())
    if (text.is_string()) out.labels[name] = text.get<std::string>();
  out.name = out.labels["__name__"];
  return out;
}

// The series of an answer of this type; they live as long as `answer` does.
Result<const Json*> result_of(const Json& answer, const char* type) {
  if (text_field(answer, "status") == "error")
    return Error{Error::Kind::unavailable,
                 "Prometheus says " + escape_control(text_field(answer, "errorType")) + ": " +
                     escape_control(text_field(answer, "error")),
                 ""};
  const Json& data = field(answer, "data");
  const Json& result = field(data, "result");
  if (text_field(data, "resultType") != type || !result.is_array() || result.size() > series_limit)
    return not_an_answer();
  return &result;
}

}  // namespace

bool is_count(double value) {
  return value >= 0 && value <= 1e18;
}

std::string label(const Series& series, const std::string& name) {
  const auto found = series.labels.find(name);
  return found == series.labels.end() ? "" : found->second;
}

std::optional<double> number_of(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<std::vector<Series>> parse_vector(std::string_view body) {
  if (body.size() > prometheus_limit) return not_an_answer();
  const Json answer = Json::parse(body, nullptr, false);
  const auto result = result_of(answer, "vector");
  if (!result) return result.error();
  std::vector<Series> out;
  for (const auto& item : **result) {
    const auto point = point_of(field(item, "value"));
    if (!point) return not_an_answer();
    out.push_back(series_of(item));
    out.back().value = point->second;
  }
  return out;
}

Result<std::vector<RangeSeries>> parse_matrix(std::string_view body, double start, double step, std::size_t points) {
  if (body.size() > prometheus_limit) return not_an_answer();
  const Json answer = Json::parse(body, nullptr, false);
  const auto result = result_of(answer, "matrix");
  if (!result) return result.error();
  std::vector<RangeSeries> out;
  for (const auto& item : **result) {
    auto& one = out.emplace_back(RangeSeries{series_of(item), {}});
    for (const auto& value : field(item, "values")) {
      const auto point = point_of(value);
      if (!point) return not_an_answer();
      const double place = std::round((point->first - start) / step);
      if (!(place >= 0) || !(place < static_cast<double>(points))) return not_an_answer();
      one.values.emplace_back(static_cast<std::size_t>(place), point->second);
    }
  }
  return out;
}

std::string promql_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string promql_regex(const std::string& text) {
  static constexpr std::string_view special = "\\.+*?()|[]{}^$";
  std::string out;
  for (const char c : text) {
    // Once for the expression, once for the string that it stands in.
    if (special.find(c) != std::string_view::npos) out += "\\\\";
    out += c;
  }
  return out;
}

}  // namespace mlctl::deploy
