// Plots as SVG text, drawn from data: no state, no script. Arms differ by colour and by dash; every plot has a title
// and a description for those who do not see it. Colours are CSS classes of validate/html_style.h.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "validate/report.h"

namespace mlctl::validate {

// Escaped for HTML text and attributes; control characters made visible, at most 4,000 bytes.
[[nodiscard]] std::string html_text(std::string_view raw);

// Round numbers that divide [low, high] into about `wanted` parts; for log axes 1, 2 and 5 times powers of ten.
[[nodiscard]] std::vector<double> linear_ticks(double low, double high, int wanted);
[[nodiscard]] std::vector<double> log_ticks(double low, double high);

// "candidate" and the first arm seen are drawn solid, others dashed: the CSS class of an arm.
[[nodiscard]] std::string arm_class(std::string_view arm);

// Share of observations at or below x, x logarithmic; the y axis stretches towards the tail (50 %, 90 %, 99 %, …),
// which is where limits are. All distributions must be of one title and unit.
[[nodiscard]] std::string distribution_plot(const std::vector<const Distribution*>& distributions);
// y over x. All series must be of one title and unit.
[[nodiscard]] std::string series_plot(const std::vector<const Series*>& series);
// One row of a forest plot: value and interval against the limit in the middle, good side left whatever `better` is.
// Every row has its own scale. Empty when the metric has no limit.
[[nodiscard]] std::string interval_plot(const Metric& metric);
// Where the interval lies: "inside", "outside", "crosses the limit", or "" without a limit. A value without
// an interval counts as exact.
[[nodiscard]] std::string interval_place(const Metric& metric);

}  // namespace mlctl::validate
