// Made-up traffic of a rollout, block by block and pod by pod: a common error rate that drifts through the day, errors
// in bursts, pods that differ, an outage that hits everybody. One seed gives one traffic.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "deploy/judge/judge.h"

namespace mlctl::bench {

struct Scenario {
  std::string name;
  double rate = 100;         // requests a second, both arms together
  double errors = 0.005;     // the stable arm's share of failed requests, before drift
  double ratio = 1;          // the canary's share, in multiples of that
  double canary_errors = 0;  // and added to it: what a ratio cannot say where `errors` is 0
  double drift = 0.8;        // the common rate swings by this much, once in 40 minutes
  double burst = 1;          // errors that come together, on average (geometric)
  double pods_differ = 0;    // standard deviation of the logarithm of each pod's own factor
  double outage = 0;         // seconds in which half of all requests fail, once, at any time in the first 20 minutes
  int stable_pods = 8, canary_pods = 4;
};

inline constexpr double block_seconds = 60;

class Traffic {
 public:
  Traffic(const Scenario& scenario, std::uint64_t seed) : scenario_(scenario), random_(seed) {
    std::normal_distribution<double> differ(0, scenario.pods_differ);
    for (int i = 0; i < scenario.stable_pods + scenario.canary_pods; ++i) factors_.push_back(std::exp(differ(random_)));
    phase_ = std::uniform_real_distribution<double>(0, 2 * 3.141592653589793)(random_);
    outage_at_ = std::uniform_real_distribution<double>(0, 20 * 60)(random_);
  }

  // The block that begins at `minute`, with the share `weight` for the canary. Before the start: weight 0.
  deploy::JudgeBlock block(double minute, double weight) {
    deploy::JudgeBlock out;
    for (int i = 0; i < scenario_.stable_pods; ++i)
      out.stable.push_back(pod("stable-" + std::to_string(i), i, minute, (1 - weight) / scenario_.stable_pods, false));
    if (weight > 0)
      for (int i = 0; i < scenario_.canary_pods; ++i)
        out.canary.push_back(pod("canary-" + std::to_string(i), scenario_.stable_pods + i, minute,
                                 weight / scenario_.canary_pods, true));
    return out;
  }

 private:
  deploy::PodCounts pod(const std::string& name, int index, double minute, double share, bool canary) {
    const double requests = poisson(scenario_.rate * block_seconds * share);
    const double swing = 1 + scenario_.drift * std::sin(phase_ + 2 * 3.141592653589793 * minute / 40);
    double p = scenario_.errors * swing * factors_[static_cast<std::size_t>(index)];
    if (canary) p = p * scenario_.ratio + scenario_.canary_errors;
    double events = 0;
    const double bursts = poisson(requests * p / scenario_.burst);
    std::geometric_distribution<int> size(1 / scenario_.burst);
    for (double i = 0; i < bursts; ++i) events += 1 + (scenario_.burst > 1 ? size(random_) : 0);
    events += poisson(requests * 0.5 * overlap(minute) / block_seconds);
    return {name, {{requests, std::min(events, requests)}}};
  }

  [[nodiscard]] double overlap(double minute) const {
    const double begin = std::max(minute * 60, outage_at_),
                 end = std::min(minute * 60 + 60, outage_at_ + scenario_.outage);
    return std::max(0.0, end - begin);
  }

  double poisson(double mean) {
    return mean > 0 ? static_cast<double>(std::poisson_distribution<long>(mean)(random_)) : 0;
  }

  const Scenario& scenario_;
  std::mt19937_64 random_;
  std::vector<double> factors_;
  double phase_ = 0, outage_at_ = 0;
};

}  // namespace mlctl::bench
