// A load's result without servers, as noisy as one on two shared cores: each second has a mood that both arms share in
// part, each request its luck, and the tail is heavy. The baseline's median is 10 ms.
#pragma once
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "validate/load.h"
#include "validate/random.h"
#include "validate/schedule.h"

namespace mlctl::validate {

// Standard deviation of the log of a block's median, chosen so that the log ratio of two neighbouring blocks scatters
// by 0.15, which is what identical servers show on such a machine.
inline constexpr double block_noise = 0.10;

inline LoadResult simulated_load(const Schedule& schedule, double true_ratio, std::uint64_t seed) {
  Random random(seed);
  std::vector<double> moods(schedule.blocks.size());
  double drift = 0;
  for (auto& mood : moods) {
    drift = 0.9 * drift + 0.1 * random.normal();
    mood = drift + block_noise * random.normal();
  }
  LoadResult result;
  for (const auto& request : schedule.requests) {
    const bool candidate = schedule.blocks[request.block].arm == Arm::candidate;
    double ms = 10 * (candidate ? true_ratio : 1.0) * std::exp(moods[request.block] + 0.3 * random.normal());
    if (random.uniform() < 0.03) ms += 30 * random.exponential();
    result.samples.push_back(
        {.outcome = Outcome::answered,
         .late = {},
         .latency = std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::milli>(ms))});
  }
  result.elapsed = schedule.length;
  result.client_cpu = schedule.length / 20;
  return result;
}

}  // namespace mlctl::validate
