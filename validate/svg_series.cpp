#include <algorithm>
#include <cmath>
#include <map>

#include "validate/svg.h"
#include "validate/svg_plot.h"

namespace mlctl::validate {
namespace {

struct Range {
  Axis x, y;
};

Range range_of(const std::vector<const Series*>& series) {
  bool first = true;
  Range range;
  double smallest = 0;  // positive y
  for (const auto* s : series) {
    for (const auto& point : s->points) {
      if (!std::isfinite(point.x) || !std::isfinite(point.y)) continue;
      range.x.low = first ? point.x : std::min(range.x.low, point.x);
      range.x.high = first ? point.x : std::max(range.x.high, point.x);
      range.y.high = first ? point.y : std::max(range.y.high, point.y);
      range.y.low = first ? point.y : std::min(range.y.low, point.y);
      if (point.y > 0) smallest = smallest == 0 ? point.y : std::min(smallest, point.y);
      first = false;
    }
  }
  if (range.x.high <= range.x.low) range.x.high = range.x.low + 1;
  if (range.y.low > 0 && range.y.high / smallest > 10) {
    range.y = {.low = smallest / 1.2, .high = range.y.high * 1.2, .log = true};
  } else {
    range.y.low = std::min(0.0, range.y.low);
    range.y.high = range.y.high <= range.y.low ? range.y.low + 1 : range.y.high * 1.08;
  }
  return range;
}

// The n-th series of an arm is drawn lighter than the one before it.
std::string line(const Series& series, const Range& range, int nth) {
  std::vector<std::pair<double, double>> points;
  for (const auto& point : series.points) {
    if (std::isfinite(point.x) && std::isfinite(point.y))
      points.emplace_back(plot_x(range.x.share(point.x)), plot_y(range.y.share(point.y)));
  }
  return "<path class=\"line " + arm_class(series.arm) + (nth > 0 ? " thin" : "") + "\" d=\"" + plot_path(points) +
         "\"><title>" + html_text(series.name) + "</title></path>";
}

}  // namespace

std::string series_plot(const std::vector<const Series*>& series) {
  if (series.empty()) return "";
  const auto range = range_of(series);
  std::vector<Tick> x;
  std::vector<Tick> y;
  for (const double tick : linear_ticks(range.x.low, range.x.high, 8))
    x.push_back({range.x.share(tick), number_text(tick)});
  const auto y_ticks = range.y.log ? log_ticks(range.y.low, range.y.high) : linear_ticks(range.y.low, range.y.high, 5);
  for (const double tick : y_ticks) y.push_back({range.y.share(tick), number_text(tick)});
  std::map<std::string, int> of_arm;
  std::string lines;
  std::string description;
  for (const auto* s : series) {
    lines = line(*s, range, of_arm[s->arm]++) + lines;
    description += s->name + ", " + std::to_string(s->points.size()) + " points. ";
  }
  const auto& first = *series.front();
  return plot_frame(first.title, description,
                    plot_axes(x, y, first.x_label, first.unit + (range.y.log ? " (logarithmic)" : "")) + lines);
}

std::string interval_plot(const Metric& metric) {
  if (!metric.limit || !std::isfinite(*metric.limit) || !std::isfinite(metric.value)) return "";
  constexpr double width = 260;
  constexpr double height = 26;
  constexpr double middle = width / 2;
  const double sign = metric.better == Better::less ? 1 : -1;
  const double limit = *metric.limit;
  const double low = metric.interval ? metric.interval->low : metric.value;
  const double high = metric.interval ? metric.interval->high : metric.value;
  double span = std::fabs(metric.value - limit);
  for (const double end : {low, high}) {
    if (std::isfinite(end)) span = std::max(span, std::fabs(end - limit));
  }
  if (span == 0) span = 1;
  const auto at = [&](double value) {
    if (std::isinf(value)) return sign * value > 0 ? width - 3 : 3.0;
    return middle + sign * (value - limit) / span * (middle - 16);
  };
  const double a = std::min(at(low), at(high));
  const double b = std::max(at(low), at(high));
  const auto place = interval_place(metric);
  const std::string look = place == "inside" ? "good" : place == "outside" ? "bad" : "open";
  std::string out = "<svg class=\"interval " + look + "\" role=\"img\" viewBox=\"0 0 260 26\" aria-label=\"" +
                    html_text(place.empty() ? "value against its limit" : place) + "\">";
  out +=
      "<rect class=\"allowed\" x=\"0\" y=\"3\" width=\"130\" height=\"20\"/><line class=\"limit\" x1=\"130\" "
      "x2=\"130\" y1=\"0\" y2=\"26\"/>";
  out += "<line class=\"range\" x1=\"" + coordinate(a) + "\" x2=\"" + coordinate(b) + "\" y1=\"13\" y2=\"13\"/>";
  for (const double end : {low, high}) {
    const auto x = coordinate(at(end));
    if (std::isfinite(end)) out += "<line class=\"range\" x1=\"" + x + "\" x2=\"" + x + "\" y1=\"8\" y2=\"18\"/>";
    if (std::isinf(end))
      out += "<path class=\"arrow\" d=\"" + std::string(at(end) > middle ? "M259 13l-8 -5v10z" : "M1 13l8 -5v10z") +
             "\"/>";
  }
  out += "<circle class=\"value\" cx=\"" + coordinate(at(metric.value)) + "\" cy=\"" + coordinate(height / 2) +
         "\" r=\"4.5\"/></svg>";
  return out;
}

}  // namespace mlctl::validate
