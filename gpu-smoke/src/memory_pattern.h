// What the memory test writes where, and what the device counts: shared by kernels and host.
#pragma once

#include "numbers.h"

namespace gpu_smoke {

enum class Pattern { hash, inverted_hash, fives, aes };
constexpr int kPatterns = 4;

// Counted on the device. `flipped_bits` gathers the differences of all wrong words.
struct MemoryErrors {
  unsigned long long wrong_words;
  unsigned long long first_offset;
  unsigned long long expected;
  unsigned long long actual;
  unsigned long long flipped_bits;
};

struct OutputErrors {
  unsigned long long mismatches;
  unsigned long long digest;
};

// The hash depends on the address, so that two addresses that lead to one cell are seen; its complement makes
// every bit be both; 0x55 and 0xAA set neighbouring bits against each other.
GPU_SMOKE_BOTH inline unsigned long long pattern_at(Pattern pattern, unsigned long long word) {
  switch (pattern) {
    case Pattern::hash:
      return mix(word);
    case Pattern::inverted_hash:
      return ~mix(word);
    case Pattern::fives:
      return 0x5555555555555555ULL;
    case Pattern::aes:
      break;
  }
  return 0xaaaaaaaaaaaaaaaaULL;
}

}  // namespace gpu_smoke
