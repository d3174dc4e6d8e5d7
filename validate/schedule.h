// When which request goes to which arm, decided before anything is sent. Pure: a seed gives the same schedule anywhere.
#pragma once
#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "validate/gate_config.h"

namespace mlctl::validate {

enum class Arm : std::uint8_t { candidate, baseline };
[[nodiscard]] const char* to_string(Arm arm);

// A stretch of load on one arm. With two arms, blocks 2k and 2k+1 after the warm-up are a pair, one of each arm, in an
// order drawn by lot: neither arm always follows the other's queue. Both blocks of a pair have the same arrivals and
// ask the same questions: neither arm gets the heavier load by chance.
struct LoadBlock {
  Arm arm = Arm::candidate;
  Duration begin{};  // since the start of the load
  bool warmup = false;
};

struct PlannedRequest {
  Duration at{};            // the intended send time, since the start of the load
  std::uint32_t block = 0;  // index of its LoadBlock
  std::uint32_t body = 0;   // which request to send, modulo how many there are; the same sequence in both of a pair
};

struct Schedule {
  std::vector<LoadBlock> blocks;
  std::vector<PlannedRequest> requests;  // by ascending `at`
  Duration length{};
};

inline constexpr Duration block_length = std::chrono::seconds(1);
inline constexpr std::uint64_t most_requests = 20'000'000;  // a load of more is refused where it is planned

// Poisson: exponential gaps of mean 1/rate within each block; constant: even gaps in an arm's own time, which goes on
// from its block to its next. The duration is cut to whole pairs of blocks (at least one), the warm-up to whole blocks.
[[nodiscard]] Schedule make_schedule(const LoadConfig& load, bool two_arms, std::uint64_t seed);
// Whose server is started first, by lot: of two equal servers the older one was 2 % slower on one machine.
[[nodiscard]] Arm first_to_start(std::uint64_t seed);

}  // namespace mlctl::validate
