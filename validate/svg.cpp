#include "validate/svg.h"

#include <algorithm>
#include <cmath>

#include "base/terminal.h"

namespace mlctl::validate {

std::string html_text(std::string_view raw) {
  constexpr std::size_t limit = 4'000;
  std::string text;
  for (const char c : escape_control(raw.substr(0, limit))) {
    switch (c) {
      case '&':
        text += "&amp;";
        break;
      case '<':
        text += "&lt;";
        break;
      case '>':
        text += "&gt;";
        break;
      case '"':
        text += "&quot;";
        break;
      case '\'':
        text += "&#39;";
        break;
      default:
        text += c;
    }
  }
  return raw.size() > limit ? text + " …" : text;
}

std::vector<double> linear_ticks(double low, double high, int wanted) {
  if (!std::isfinite(low) || !std::isfinite(high) || !(high > low)) return {low};
  const double rough = (high - low) / wanted;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = power;
  for (const double factor : {2.0, 5.0, 10.0}) {
    if (rough > step * 1.01) step = power * factor;
  }
  std::vector<double> ticks;
  const double first = std::ceil(low / step - 1e-9);
  for (int i = 0; i <= 4 * wanted && (first + i) * step <= high * (1 + 1e-12) + step * 1e-9; ++i) {
    ticks.push_back((first + i) * step);
  }
  return ticks;
}

std::vector<double> log_ticks(double low, double high) {
  std::vector<double> ticks;
  if (!(low > 0) || !(high > low) || !std::isfinite(high)) return ticks;
  const bool wide = high / low > 1e4;
  for (double power = std::pow(10, std::floor(std::log10(low))); power <= high && ticks.size() < 60; power *= 10) {
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double tick = power * factor;
      if (tick >= low && tick <= high && (!wide || factor == 1.0)) ticks.push_back(tick);
    }
  }
  return ticks;
}

std::string arm_class(std::string_view arm) {
  return arm == "baseline" ? "b" : "c";
}

std::string interval_place(const Metric& metric) {
  if (!metric.limit || !std::isfinite(*metric.limit) || std::isnan(metric.value)) return "";
  const auto interval = metric.interval.value_or(Interval{metric.value, metric.value, 1});
  const bool less = metric.better == Better::less;
  const double worst_end = less ? interval.high : interval.low;
  const double best_end = less ? interval.low : interval.high;
  if (less ? worst_end <= *metric.limit : worst_end >= *metric.limit) return "inside";
  if (less ? best_end > *metric.limit : best_end < *metric.limit) return "outside";
  return "crosses the limit";
}

}  // namespace mlctl::validate
