// Arithmetic that CPU and GPU must agree on: a hash, and numbers in the formats that GPUs multiply.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "data_type.h"

#ifdef __CUDACC__
#define GPU_SMOKE_BOTH __host__ __device__
#else
#define GPU_SMOKE_BOTH
#endif

namespace gpu_smoke {

// splitmix64's finaliser: every bit of the index reaches every bit of the result.
GPU_SMOKE_BOTH inline std::uint64_t mix(std::uint64_t index) {
  std::uint64_t z = (index + 1) * 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

// Summed over a matrix, in any order: a value that changes or moves changes the sum. Cheap, because the device
// computes it for every element of every product.
GPU_SMOKE_BOTH inline std::uint64_t digest_of(std::uint64_t index, std::int32_t value) {
  return (static_cast<std::uint32_t>(value) + 0x9e3779b97f4a7c15ULL) * (2 * index + 1);
}

// Bit for bit: a NaN equals itself and 0 differs from -0.
template <class Number>
GPU_SMOKE_BOTH inline bool same_bits(Number one, Number other) {
  using Bits = std::conditional_t<sizeof(Number) == 8, std::uint64_t, std::uint32_t>;
  static_assert(sizeof(Bits) == sizeof(Number));
  Bits a = 0;
  Bits b = 0;
  memcpy(&a, &one, sizeof(a));
  memcpy(&b, &other, sizeof(b));
  return a == b;
}

// A float in a smaller format, cut off: exact where it fits, zero below the normal numbers, the largest above.
GPU_SMOKE_BOTH inline std::uint32_t shrink_float(float value, int exponent_bits, int mantissa_bits) {
  std::uint32_t bits = 0;
  memcpy(&bits, &value, sizeof(bits));
  const std::uint32_t sign = bits >> 31U << static_cast<unsigned>(exponent_bits + mantissa_bits);
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = static_cast<int>(bits >> 23U & 0xffU) - 127 + bias;
  if (exponent <= 0) return sign;
  const std::uint32_t mantissa = (bits & 0x7fffffU) >> static_cast<unsigned>(23 - mantissa_bits);
  // e4m3 has no infinity: only the topmost code is not a number. The others keep the topmost exponent for both.
  const std::uint32_t top = 1U << static_cast<unsigned>(exponent_bits + mantissa_bits);
  const std::uint32_t largest = mantissa_bits == 3 ? top - 2U : top - (1U << static_cast<unsigned>(mantissa_bits)) - 1U;
  const std::uint32_t result = static_cast<std::uint32_t>(exponent) << static_cast<unsigned>(mantissa_bits) | mantissa;
  return sign | (result < largest ? result : largest);
}

// The low bytes of the result are the number.
GPU_SMOKE_BOTH inline std::uint64_t encode_number(float value, DataType type) {
  const double wide = value;
  std::uint64_t bits = 0;
  switch (type) {
    case DataType::fp64:
      memcpy(&bits, &wide, sizeof(wide));
      return bits;
    case DataType::fp32:
    case DataType::tf32:
      memcpy(&bits, &value, sizeof(value));
      return bits;
    case DataType::fp16:
      return shrink_float(value, 5, 10);
    case DataType::bf16:
      return shrink_float(value, 8, 7);
    case DataType::fp8:
      return shrink_float(value, 4, 3);  // e4m3
    case DataType::int8:
      break;
  }
  const float clamped = value < -127.0F ? -127.0F : value > 127.0F ? 127.0F : value;
  return static_cast<std::uint8_t>(static_cast<std::int8_t>(clamped));
}

}  // namespace gpu_smoke
