#include "deploy/judge/ratio.h"

#include <algorithm>
#include <cmath>

namespace mlctl::deploy {
namespace {

// Factors of the null: from "a little more" to "much more". What lies between two of them loses little.
constexpr double steps[] = {1.15, 1.35, 1.7, 2.3, 3.5, 6, 12};

double theta(double share, double ratio) {
  return share * ratio / (share * ratio + 1 - share);
}

}  // namespace

RatioProcess::RatioProcess(double null, std::vector<double> grid)
    : null_(null), grid_(std::move(grid)), logs_(grid_.size(), 0.0) {}

RatioProcess RatioProcess::refutes_at_most(double null) {
  std::vector<double> grid;
  for (const double step : steps) grid.push_back(null * step);
  return {null, std::move(grid)};
}

RatioProcess RatioProcess::refutes_at_least(double null) {
  std::vector<double> grid;
  for (const double step : steps) grid.push_back(null / step);
  return {null, std::move(grid)};
}

void RatioProcess::add(const BlockCounts& block, double dispersion) {
  const double requests = block.canary.requests + block.stable.requests;
  const double share = requests > 0 ? block.canary.requests / requests : 0;
  if (!(share > 0) || !(share < 1)) return;
  const double none = theta(share, null_);
  for (std::size_t k = 0; k < grid_.size(); ++k) {
    const double some = theta(share, grid_[k]);
    const double log_ratio =
        block.canary.events * std::log(some / none) + block.stable.events * std::log((1 - some) / (1 - none));
    logs_[k] += log_ratio / std::max(dispersion, 1.0);
  }
}

double RatioProcess::log_value() const {
  const double most = *std::max_element(logs_.begin(), logs_.end());
  double sum = 0;
  for (const double one : logs_) sum += std::exp(one - most);
  return most + std::log(sum / static_cast<double>(logs_.size()));
}

bool RatioProcess::restore(const std::vector<double>& accumulators) {
  if (accumulators.size() != logs_.size()) return false;
  if (!std::all_of(accumulators.begin(), accumulators.end(), [](double one) { return std::isfinite(one); }))
    return false;
  logs_ = accumulators;
  return true;
}

double log_average(double a, double b) {
  const double most = std::max(a, b);
  return most + std::log((std::exp(a - most) + std::exp(b - most)) / 2);
}

double log_rate_value(double requests, double events, double p) {
  return std::log(requests + 1) + std::lgamma(requests + 1) - std::lgamma(events + 1) -
         std::lgamma(requests - events + 1) + events * std::log(p) + (requests - events) * std::log1p(-p);
}

// The value falls on both sides of events / requests: what refutes the limit refutes everything beyond it.
bool rate_is_above(double requests, double events, double limit, double eps) {
  return requests > 0 && events > limit * requests && log_rate_value(requests, events, limit) <= std::log(eps);
}

bool rate_is_below(double requests, double events, double limit, double eps) {
  return requests > 0 && events < limit * requests && log_rate_value(requests, events, limit) <= std::log(eps);
}

}  // namespace mlctl::deploy
