#include "validate/schedule.h"

#include <algorithm>

#include "validate/random.h"

namespace mlctl::validate {
namespace {

std::uint64_t whole_blocks(Duration length) {
  return static_cast<std::uint64_t>(length / block_length);
}

Duration seconds_of(double seconds) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

void fill_block(Schedule& schedule, const LoadConfig& load, Random& random, std::uint32_t first_body) {
  const auto block = static_cast<std::uint32_t>(schedule.blocks.size() - 1);
  const Duration begin = schedule.blocks.back().begin;
  // A constant load sends in the middle of its gaps, so that neighbouring blocks keep the distance.
  double at = load.arrivals == Arrivals::constant ? 0.5 / load.rate : random.exponential() / load.rate;
  const double end = std::chrono::duration<double>(block_length).count();
  for (std::uint32_t body = first_body; at < end; ++body) {
    schedule.requests.push_back({.at = begin + seconds_of(at), .block = block, .body = body});
    at += load.arrivals == Arrivals::constant ? 1 / load.rate : random.exponential() / load.rate;
  }
}

}  // namespace

const char* to_string(Arm arm) {
  return arm == Arm::candidate ? "candidate" : "baseline";
}

Schedule make_schedule(const LoadConfig& load, bool two_arms, std::uint64_t seed) {
  Random random(seed);
  Schedule schedule;
  std::uint32_t body = 0;
  const auto append = [&](Arm arm, bool warmup) {
    schedule.blocks.push_back({.arm = arm, .begin = schedule.length, .warmup = warmup});
    fill_block(schedule, load, random, body);
    schedule.length += block_length;
  };
  const auto expected = static_cast<std::uint32_t>(std::max(1.0, load.rate));
  const auto warm = whole_blocks(load.warmup);
  for (std::uint64_t i = 0; i < warm; ++i, body += expected) {
    append(two_arms && i % 2 == 1 ? Arm::baseline : Arm::candidate, true);
  }
  const auto arms = two_arms ? 2U : 1U;
  const auto groups = std::max<std::uint64_t>(1, whole_blocks(load.duration) / arms);
  for (std::uint64_t i = 0; i < groups; ++i, body += expected) {
    const bool baseline_first = two_arms && (random.next() >> 63U) == 1;
    append(baseline_first ? Arm::baseline : Arm::candidate, false);
    if (two_arms) append(baseline_first ? Arm::candidate : Arm::baseline, false);
  }
  return schedule;
}

}  // namespace mlctl::validate
