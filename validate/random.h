// Our own random numbers, so that a seed gives the same gate on every machine and standard library: xoshiro256**
// seeded by splitmix64 (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021).
#pragma once
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

namespace mlctl::validate {

class Random {
 public:
  explicit Random(std::uint64_t seed) {
    for (auto& word : state_) {
      seed += 0x9e3779b97f4a7c15U;
      std::uint64_t z = seed;
      z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
      z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
      word = z ^ (z >> 31U);
    }
  }

  std::uint64_t next() {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17U;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  // [0, 1), 53 bits.
  double uniform() { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }

  // 0 … bound-1, unbiased: what does not fill a whole round is drawn again. bound > 0.
  std::uint64_t below(std::uint64_t bound) {
    const std::uint64_t uneven = (0 - bound) % bound;
    std::uint64_t draw = next();
    while (draw < uneven) draw = next();
    return draw % bound;
  }

  // Mean 1.
  double exponential() { return -std::log1p(-uniform()); }

  // Standard normal, by the polar method of Marsaglia (1964), one of each pair.
  double normal() {
    double u = 0;
    double s = 0;
    do {
      u = 2 * uniform() - 1;
      const double v = 2 * uniform() - 1;
      s = u * u + v * v;
    } while (s >= 1 || s == 0);
    return u * std::sqrt(-2 * std::log(s) / s);
  }

 private:
  std::array<std::uint64_t, 4> state_{};
};

}  // namespace mlctl::validate
