#include "validate/schedule.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "validate/random.h"

namespace mlctl::validate {
namespace {

std::uint64_t whole_blocks(Duration length) {
  return static_cast<std::uint64_t>(length / block_length);
}

Duration seconds_of(double seconds) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

bool draw_baseline(Random& random) {
  return (random.next() >> 63U) == 1;
}

// When requests are due within the `turn`-th block of an arm. A constant load goes on from block to block as if the arm
// had the time for itself, so that rates below one a block are kept too.
std::vector<Duration> arrivals_in(const LoadConfig& load, std::uint64_t turn, Random& random) {
  const double length = std::chrono::duration<double>(block_length).count();
  std::vector<Duration> due;
  if (load.arrivals == Arrivals::constant) {
    const double begin = static_cast<double>(turn) * length;
    // In the middle of the gaps, so that neighbouring blocks keep the distance.
    for (double k = std::ceil(begin * load.rate - 0.5); (k + 0.5) / load.rate < begin + length; ++k)
      due.push_back(std::clamp(seconds_of((k + 0.5) / load.rate - begin), Duration{}, block_length - Duration{1}));
    return due;
  }
  for (double at = random.exponential() / load.rate; at < length; at += random.exponential() / load.rate)
    due.push_back(seconds_of(at));
  return due;
}

}  // namespace

const char* to_string(Arm arm) {
  return arm == Arm::candidate ? "candidate" : "baseline";
}

Schedule make_schedule(const LoadConfig& load, bool two_arms, std::uint64_t seed) {
  Random random(seed);
  Schedule schedule;
  std::uint32_t body = 0;
  const auto append = [&](Arm arm, bool warmup, const std::vector<Duration>& due) {
    const auto block = static_cast<std::uint32_t>(schedule.blocks.size());
    schedule.blocks.push_back({.arm = arm, .begin = schedule.length, .warmup = warmup});
    for (std::uint32_t i = 0; i < due.size(); ++i)
      schedule.requests.push_back({.at = schedule.length + due[i], .block = block, .body = body + i});
    schedule.length += block_length;
  };
  const auto arms = two_arms ? 2U : 1U;
  const auto warm = whole_blocks(load.warmup);
  for (std::uint64_t i = 0; i < warm; ++i) {
    const auto due = arrivals_in(load, i / arms, random);
    append(i % arms == 1 ? Arm::baseline : Arm::candidate, true, due);
    body += static_cast<std::uint32_t>(due.size());
  }
  const auto groups = std::max<std::uint64_t>(1, whole_blocks(load.duration) / arms);
  for (std::uint64_t i = 0; i < groups; ++i) {
    const bool baseline_first = two_arms && draw_baseline(random);
    // The blocks of a pair have the same arrivals: what chance gives to one arm, it gives to the other (common random
    // numbers; Law, Simulation Modeling and Analysis, chapter 11).
    const auto due = arrivals_in(load, i, random);
    append(baseline_first ? Arm::baseline : Arm::candidate, false, due);
    if (two_arms) append(baseline_first ? Arm::candidate : Arm::baseline, false, due);
    body += static_cast<std::uint32_t>(due.size());
  }
  return schedule;
}

Arm first_to_start(std::uint64_t seed) {
  Random random(seed ^ 0x5e7e5e7e5e7e5e7eU);  // another lot than the schedule's
  return draw_baseline(random) ? Arm::baseline : Arm::candidate;
}

}  // namespace mlctl::validate
