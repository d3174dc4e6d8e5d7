#include "validate/svg_plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "validate/svg.h"

namespace mlctl::validate {

double Axis::share(double value) const {
  if (log) return (std::log(std::max(value, low)) - std::log(low)) / (std::log(high) - std::log(low));
  return (value - low) / (high - low);
}

std::string coordinate(double value) {
  std::array<char, 32> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.1f", std::isfinite(value) ? std::clamp(value, -1e5, 1e5) : 0.0);
  return buffer.data();
}

double plot_x(double share) {
  return plot_left + std::clamp(share, 0.0, 1.0) * (plot_width - plot_left - plot_right);
}

double plot_y(double share) {
  return plot_height - plot_bottom - std::clamp(share, 0.0, 1.0) * (plot_height - plot_bottom - plot_top);
}

std::string plot_axes(const std::vector<Tick>& x, const std::vector<Tick>& y, std::string_view x_title,
                      std::string_view y_title) {
  std::string out;
  const auto left = coordinate(plot_left);
  const auto right = coordinate(plot_width - plot_right);
  const auto bottom = coordinate(plot_y(0));
  for (const auto& tick : y) {
    const auto at = coordinate(plot_y(tick.share));
    out += "<line class=\"grid\" x1=\"" + left + "\" x2=\"" + right + "\" y1=\"" + at + "\" y2=\"" + at + "\"/>";
    out += "<text class=\"tick\" text-anchor=\"end\" x=\"" + coordinate(plot_left - 8) + "\" y=\"" +
           coordinate(plot_y(tick.share) + 4) + "\">" + html_text(tick.label) + "</text>";
  }
  for (const auto& tick : x) {
    const auto at = coordinate(plot_x(tick.share));
    out += "<line class=\"grid\" x1=\"" + at + "\" x2=\"" + at + "\" y1=\"" + coordinate(plot_top) + "\" y2=\"" +
           bottom + "\"/>";
    out += "<text class=\"tick\" text-anchor=\"middle\" x=\"" + at + "\" y=\"" + coordinate(plot_y(0) + 17) + "\">" +
           html_text(tick.label) + "</text>";
  }
  out += "<line class=\"axis\" x1=\"" + left + "\" x2=\"" + right + "\" y1=\"" + bottom + "\" y2=\"" + bottom + "\"/>";
  out += "<text class=\"label\" text-anchor=\"middle\" x=\"" + coordinate((plot_left + plot_width - plot_right) / 2) +
         "\" y=\"" + coordinate(plot_height - 8) + "\">" + html_text(x_title) + "</text>";
  out += "<text class=\"label\" text-anchor=\"middle\" transform=\"translate(14 " +
         coordinate((plot_top + plot_y(0)) / 2) + ") rotate(-90)\">" + html_text(y_title) + "</text>";
  return out;
}

std::string plot_frame(std::string_view title, std::string_view description, const std::string& content) {
  return "<svg class=\"plot\" role=\"img\" viewBox=\"0 0 " + coordinate(plot_width) + " " + coordinate(plot_height) +
         "\" preserveAspectRatio=\"xMidYMid meet\" aria-label=\"" + html_text(title) + ". " + html_text(description) +
         "\"><title>" + html_text(title) + "</title><desc>" + html_text(description) + "</desc>" + content + "</svg>";
}

std::string plot_path(const std::vector<std::pair<double, double>>& points) {
  std::string path;
  for (const auto& [x, y] : points) path += (path.empty() ? "M" : "L") + coordinate(x) + " " + coordinate(y);
  return path;
}

}  // namespace mlctl::validate
