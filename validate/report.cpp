#include "validate/report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace mlctl::validate {
namespace {

// Higher is worse: the order in which verdicts win.
int weight(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass:
      return 0;
    case Verdict::skipped:
      return 1;
    case Verdict::inconclusive:
      return 2;
    case Verdict::error:
      return 3;
    case Verdict::fail:
      return 4;
  }
  return 4;
}

constexpr double bucket_ratio = 1.01;

double bucket_edge(double value) {
  if (value <= 0) return 0;
  return std::pow(bucket_ratio, std::ceil(std::log(value) / std::log(bucket_ratio)));
}

std::string printed(const char* pattern, double value) {
  std::array<char, 64> buffer{};
  const int size = std::snprintf(buffer.data(), buffer.size(), pattern, value);
  return {buffer.data(), static_cast<std::size_t>(std::clamp(size, 0, 63))};
}

std::string with_thousands(std::string digits) {
  const std::size_t start = digits.starts_with('-') ? 1 : 0;
  for (std::size_t at = digits.size(); at > start + 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

}  // namespace

std::uint64_t Distribution::samples() const {
  std::uint64_t sum = 0;
  for (const auto& bucket : buckets) sum += bucket.count;
  return sum;
}

double Distribution::quantile(double q) const {
  const auto total = samples();
  if (total == 0) return 0;
  const auto rank = static_cast<std::uint64_t>(std::max(1.0, std::ceil(q * static_cast<double>(total))));
  std::uint64_t seen = 0;
  for (const auto& bucket : buckets) {
    seen += bucket.count;
    if (seen >= rank) return std::min(bucket.upper, largest);
  }
  return largest;
}

Distribution distribution_of(std::string title, std::string arm, std::string unit, const std::vector<double>& values) {
  Distribution result{
      .title = std::move(title), .arm = std::move(arm), .unit = std::move(unit), .buckets = {}, .marks = {}};
  std::map<double, std::uint64_t> counts;
  bool first = true;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    ++counts[bucket_edge(value)];
    result.smallest = first ? value : std::min(result.smallest, value);
    result.largest = first ? value : std::max(result.largest, value);
    first = false;
  }
  for (const auto& [upper, count] : counts) result.buckets.push_back({upper, count});
  return result;
}

Series windowed_quantile(Series raw, double width, double q) {
  std::map<double, std::vector<double>> windows;
  for (const auto& point : raw.points) {
    if (std::isfinite(point.x) && std::isfinite(point.y)) windows[std::floor(point.x / width)].push_back(point.y);
  }
  raw.points.clear();
  for (auto& [window, values] : windows) {
    const auto rank = static_cast<std::size_t>(std::max(1.0, std::ceil(q * static_cast<double>(values.size()))));
    const auto nth = values.begin() + static_cast<std::ptrdiff_t>(std::min(rank, values.size()) - 1);
    std::nth_element(values.begin(), nth, values.end());
    raw.points.push_back({(window + 0.5) * width, *nth});
  }
  return raw;
}

Verdict worst(Verdict a, Verdict b) {
  return weight(a) >= weight(b) ? a : b;
}

Verdict overall(const Report& report) {
  const auto& accept = report.accept;
  if (report.checks.empty()) return Verdict::skipped;
  auto verdict = Verdict::pass;
  bool asked = false;
  for (const auto& check : report.checks) {
    const bool accepted =
        check.verdict == Verdict::skipped &&
        (check.reason == first_version || std::find(accept.begin(), accept.end(), check.name) != accept.end());
    asked = asked || check.verdict != Verdict::skipped || accepted;
    if (!accepted) verdict = worst(verdict, check.verdict);
  }
  return asked ? verdict : Verdict::skipped;
}

int exit_code(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass:
      return 0;
    case Verdict::fail:
    case Verdict::skipped:
      return 1;
    case Verdict::inconclusive:
      return 5;
    case Verdict::error:
      return 3;
  }
  return 1;
}

const char* to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass:
      return "pass";
    case Verdict::fail:
      return "fail";
    case Verdict::inconclusive:
      return "inconclusive";
    case Verdict::skipped:
      return "skipped";
    case Verdict::error:
      return "error";
  }
  return "error";
}

const char* to_string(Severity severity) {
  switch (severity) {
    case Severity::critical:
      return "critical";
    case Severity::high:
      return "high";
    case Severity::medium:
      return "medium";
    case Severity::low:
      return "low";
  }
  return "critical";
}

std::optional<Verdict> parse_verdict(std::string_view text) {
  for (const auto verdict : {Verdict::pass, Verdict::fail, Verdict::inconclusive, Verdict::skipped, Verdict::error}) {
    if (text == to_string(verdict)) return verdict;
  }
  return std::nullopt;
}

std::optional<Severity> parse_severity(std::string_view text) {
  for (const auto severity : {Severity::critical, Severity::high, Severity::medium, Severity::low}) {
    if (text == to_string(severity)) return severity;
  }
  return std::nullopt;
}

Symbol symbol_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass:
      return Symbol::pass;
    case Verdict::fail:
      return Symbol::fail;
    case Verdict::inconclusive:
    case Verdict::error:
      return Symbol::warn;
    case Verdict::skipped:
      return Symbol::skip;
  }
  return Symbol::fail;
}

Tone tone_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass:
      return Tone::good;
    case Verdict::fail:
      return Tone::bad;
    case Verdict::inconclusive:
    case Verdict::error:
      return Tone::warn;
    case Verdict::skipped:
      return Tone::dim;
  }
  return Tone::bad;
}

std::string number_text(double value, const std::string& unit) {
  std::string text;
  const double size = std::fabs(value);
  if (std::isnan(value)) {
    text = "not a number";
  } else if (std::isinf(value)) {
    return "unbounded";
  } else if (size != 0 && (size >= 1e6 || size < 1e-4)) {
    text = printed(size == std::floor(size) && size < 1e15 ? "%.0f" : "%.3g", value);
    if (text.find('e') == std::string::npos) text = with_thousands(text);
  } else if (size >= 1000) {
    text = with_thousands(printed("%.0f", value));
  } else {
    text = printed("%.4g", value);
  }
  return unit.empty() ? text : text + " " + unit;
}

std::string metric_text(const Metric& metric) {
  std::string text = number_text(metric.value, metric.unit);
  if (metric.interval) {
    const auto& [low, high, level] = *metric.interval;
    const auto percent = number_text(level * 100) + " %";
    if (std::isfinite(low) && std::isfinite(high)) {
      text += ", " + percent + " interval " + number_text(low) + " to " + number_text(high, metric.unit);
    } else if (std::isfinite(high)) {
      text += ", " + percent + " upper bound " + number_text(high, metric.unit);
    } else if (std::isfinite(low)) {
      text += ", " + percent + " lower bound " + number_text(low, metric.unit);
    } else {
      text += ", no finite " + percent + " interval";
    }
  }
  if (metric.limit) {
    text += std::string(", limit ") + (metric.better == Better::less ? "at most " : "at least ") +
            number_text(*metric.limit, metric.unit);
  }
  if (metric.samples != 0) text += ", n = " + with_thousands(std::to_string(metric.samples));
  if (!metric.note.empty()) text += " (" + metric.note + ")";
  return text;
}

}  // namespace mlctl::validate
