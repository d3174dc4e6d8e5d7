// The frame that plots share: an area with axes into which lines are drawn. Internal to validate/.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mlctl::validate {

inline constexpr double plot_width = 760;
inline constexpr double plot_height = 300;
inline constexpr double plot_left = 64;
inline constexpr double plot_right = 16;
inline constexpr double plot_top = 14;
inline constexpr double plot_bottom = 46;

struct Axis {
  double low = 0;
  double high = 1;
  bool log = false;
  // 0 at `low`, 1 at `high`.
  [[nodiscard]] double share(double value) const;
};
struct Tick {
  double share = 0;  // along the axis, 0 to 1
  std::string label;
};

[[nodiscard]] std::string coordinate(double value);  // one decimal
[[nodiscard]] double plot_x(double share);
[[nodiscard]] double plot_y(double share);  // 0 is the bottom
// Grid, tick labels and axis titles.
[[nodiscard]] std::string plot_axes(const std::vector<Tick>& x, const std::vector<Tick>& y, std::string_view x_title,
                                    std::string_view y_title);
// <svg> with title and description around the content.
[[nodiscard]] std::string plot_frame(std::string_view title, std::string_view description, const std::string& content);
// "M x y L x y …" from points in pixels.
[[nodiscard]] std::string plot_path(const std::vector<std::pair<double, double>>& points);

}  // namespace mlctl::validate
