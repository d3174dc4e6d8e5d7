#include <algorithm>
#include <cmath>
#include <cstdint>

#include "validate/svg.h"
#include "validate/svg_plot.h"

namespace mlctl::validate {
namespace {

// Nines: 0 at the smallest value, 1 at 90 %, 2 at 99 %. Below 90 % the axis is nearly linear in the share.
double nines(double share) {
  return -std::log10(std::max(1e-9, 1 - share));
}

struct Range {
  Axis x;
  double top = 1;  // nines at the upper end of y
};

Range range_of(const std::vector<const Distribution*>& distributions) {
  double low = 0;
  double high = 0;
  std::uint64_t most = 0;
  const auto widen = [&](double value) {
    if (value <= 0 || !std::isfinite(value)) return;
    low = low == 0 ? value : std::min(low, value);
    high = std::max(high, value);
  };
  for (const auto* d : distributions) {
    widen(d->smallest);
    widen(d->largest);
    for (const auto& mark : d->marks) widen(mark.value);
    most = std::max(most, d->samples());
  }
  if (low == 0) low = high = 1;
  return {{.low = low / 1.1, .high = high * 1.1, .log = true},
          std::max(1.0, std::log10(2 * static_cast<double>(std::max<std::uint64_t>(most, 1))))};
}

std::vector<Tick> share_ticks(double top) {
  std::vector<Tick> ticks{{0, "0 %"}, {nines(0.5) / top, "50 %"}};
  const char* labels[] = {"90 %", "99 %", "99.9 %", "99.99 %", "99.999 %"};
  for (int i = 0; i < 5 && i + 1 <= top; ++i) ticks.push_back({(i + 1) / top, labels[i]});
  return ticks;
}

std::string curve(const Distribution& d, const Range& range) {
  const auto total = static_cast<double>(d.samples());
  if (total == 0) return "";
  std::vector<std::pair<double, double>> points{{plot_x(range.x.share(d.smallest)), plot_y(0)}};
  std::uint64_t seen = 0;
  for (const auto& bucket : d.buckets) {
    seen += bucket.count;
    // Half an observation less, so that the largest does not stand at infinity.
    const double share = (static_cast<double>(seen) - 0.5) / total;
    points.emplace_back(plot_x(range.x.share(std::min(bucket.upper, d.largest))), plot_y(nines(share) / range.top));
  }
  return "<path class=\"line " + arm_class(d.arm) + "\" d=\"" + plot_path(points) + "\"><title>" + html_text(d.arm) +
         "</title></path>";
}

std::string marks(const std::vector<const Distribution*>& distributions, const Range& range) {
  std::vector<Distribution::Mark> drawn;
  std::string out;
  for (const auto* d : distributions) {
    for (const auto& mark : d->marks) {
      const bool twice = std::any_of(drawn.begin(), drawn.end(), [&](const auto& seen) {
        return seen.label == mark.label && seen.value == mark.value;
      });
      if (twice || mark.value <= 0 || drawn.size() >= 6) continue;
      drawn.push_back(mark);
      const double x = plot_x(range.x.share(mark.value));
      const bool flip = x > plot_width * 0.75;
      out += "<line class=\"limit\" x1=\"" + coordinate(x) + "\" x2=\"" + coordinate(x) + "\" y1=\"" +
             coordinate(plot_top) + "\" y2=\"" + coordinate(plot_y(0)) + "\"/>";
      out += "<text class=\"limit-label\" text-anchor=\"" + std::string(flip ? "end" : "start") + "\" x=\"" +
             coordinate(x + (flip ? -6 : 6)) + "\" y=\"" +
             coordinate(plot_y(0) - 8 - 15 * static_cast<double>(drawn.size() - 1)) + "\">" +
             html_text(mark.label + " " + number_text(mark.value, d->unit)) + "</text>";
    }
  }
  return out;
}

}  // namespace

std::string distribution_plot(const std::vector<const Distribution*>& distributions) {
  if (distributions.empty()) return "";
  const auto range = range_of(distributions);
  std::vector<Tick> x;
  for (const double tick : log_ticks(range.x.low, range.x.high)) x.push_back({range.x.share(tick), number_text(tick)});
  std::string description = "Share of observations at or below each value.";
  std::string lines;
  for (const auto* d : distributions) {
    description += " " + d->arm + ": median " + number_text(d->quantile(0.5), d->unit) + ", 99 % at or below " +
                   number_text(d->quantile(0.99), d->unit) + ".";
    lines = curve(*d, range) + lines;  // the first one lies on top
  }
  const auto& first = *distributions.front();
  return plot_frame(
      first.title, description,
      plot_axes(x, share_ticks(range.top), first.title + ", " + first.unit + " (logarithmic)", "share at or below") +
          marks(distributions, range) + lines);
}

}  // namespace mlctl::validate
