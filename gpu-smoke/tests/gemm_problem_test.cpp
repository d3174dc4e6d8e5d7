#include "gemm_problem.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <tuple>

#include "check.h"
#include "numbers.h"
#include "tests.h"

namespace gpu_smoke::test {
namespace {

std::int32_t naive(const GemmProblem& p, int row, int column) {
  std::int32_t sum = 0;
  for (int d = 0; d < p.k; ++d) {
    sum += p.a[static_cast<std::size_t>(row * p.k + d)] * p.b[static_cast<std::size_t>(column * p.k + d)];
  }
  return sum;
}

void reference_is_the_plain_product() {
  const GemmProblem p = make_gemm_problem(5, 7, 192, 1);
  for (int r = 0; r < p.m; ++r) {
    for (int c = 0; c < p.n; ++c) CHECK(p.expected[static_cast<std::size_t>(r * p.n + c)] == naive(p, r, c));
  }
}

void problem_is_the_same_everywhere() {
  const GemmProblem p = make_gemm_problem(64, 64, 64, 20260101);
  CHECK(p.expected == make_gemm_problem(64, 64, 64, 20260101).expected);
  CHECK(p.expected != make_gemm_problem(64, 64, 64, 20260102).expected);
  int seen[3] = {};
  for (const auto value : p.a) ++seen[value + 1];
  for (const int count : seen) CHECK(count > 1200 && count < 1530);  // of 4096, a third each
}

void verification_catches_one_wrong_element() {
  GemmProblem p = make_gemm_problem(96, 80, 256, 3);
  CHECK(verify_reference(p, 4));
  for (std::size_t i = 0; i < p.expected.size(); i += 997) {
    p.expected[i] ^= 1;
    CHECK(!verify_reference(p, 5 + i));
    p.expected[i] ^= 1;
  }
  p.expected.pop_back();
  CHECK(!verify_reference(p, 4));
}

// What a GPU would bring back, twice.
std::vector<std::uint8_t> right_result(const GemmProblem& p, DataType type) {
  std::vector<std::uint8_t> bytes;
  const auto append = [&bytes](const auto& value) {
    const auto* from = reinterpret_cast<const std::uint8_t*>(&value);
    bytes.insert(bytes.end(), from, from + sizeof(value));
  };
  for (int copy = 0; copy < 2; ++copy) {
    for (const std::int32_t value : p.expected) {
      if (type == DataType::int8) append(value);
      if (type == DataType::fp64) append(static_cast<double>(value));
      if (type != DataType::int8 && type != DataType::fp64) append(static_cast<float>(value));
    }
  }
  return bytes;
}

void comparison_catches_every_single_bit_in_every_type() {
  const GemmProblem p = make_gemm_problem(3, 4, 64, 6);
  for (const auto& type : kDataTypes) {
    auto actual = right_result(p, type.type);
    CHECK_IN(type.name, compare(p, type.type, 2, actual).mismatches == 0);
    const auto size = static_cast<std::size_t>(result_bytes(type.type));
    for (std::size_t bit = 0; bit < 8 * size; ++bit) {
      auto& byte = actual[(12 + 7) * size + bit / 8];  // element 7 of the second copy
      byte = static_cast<std::uint8_t>(byte ^ (1U << bit % 8));
      const Comparison result = compare(p, type.type, 2, actual);
      CHECK_IN(type.name, result.mismatches == 1 && result.first_row == 1 && result.first_column == 3);
      byte = static_cast<std::uint8_t>(byte ^ (1U << bit % 8));
    }
  }
}

void parts_never_written_are_mismatches() {
  const GemmProblem p = make_gemm_problem(8, 8, 4096, 7);
  for (const auto& type : kDataTypes) {
    const std::vector<std::uint8_t> poison(64 * static_cast<std::size_t>(result_bytes(type.type)), kPoison & 0xff);
    CHECK_IN(type.name, compare(p, type.type, 1, poison).mismatches == 64);
    CHECK_IN(type.name, compare(p, type.type, 1, {}).mismatches == 64);
  }
  CHECK(kPoison > kMaxGemmK);
}

void wide_operands_stay_exact() {
  GemmProblem p = make_gemm_problem(64, 64, 4096, 8, kMaxGemmLimit);
  CHECK(p.expected[5 * 64 + 9] == naive(p, 5, 9));
  CHECK(verify_reference(p, 9));
  p.expected[100] += 1;
  CHECK(!verify_reference(p, 9));
  static_assert(kMaxGemmLimit * kMaxGemmLimit * kMaxGemmK < (1 << 24), "exact in fp32 in any order");
  const auto [low, high] = std::minmax_element(p.a.begin(), p.a.end());
  CHECK(*low == -63 && *high == 63);
}

// Known codes, and for every value that a problem has the way back.
void numbers_are_encoded_exactly() {
  const auto one = [](int value, DataType type) {
    const auto bytes = encode({static_cast<std::int8_t>(value)}, type);
    std::uint64_t bits = 0;
    std::memcpy(&bits, bytes.data(), bytes.size());
    return bits;
  };
  CHECK(one(1, DataType::fp64) == 0x3ff0000000000000ULL && one(-1, DataType::fp32) == 0xbf800000U);
  CHECK(one(1, DataType::fp16) == 0x3c00 && one(-1, DataType::bf16) == 0xbf80 && one(0, DataType::fp16) == 0);
  CHECK(one(1, DataType::fp8) == 0x38 && one(-1, DataType::fp8) == 0xb8 && one(16, DataType::fp8) == 0x58);
  CHECK(one(-2, DataType::int8) == 0xfe);
  for (int value = -63; value <= 63; ++value) {
    for (const auto& [type, exponent_bits, mantissa_bits] :
         {std::tuple{DataType::fp16, 5, 10}, std::tuple{DataType::bf16, 8, 7}}) {
      const auto bits = static_cast<int>(one(value, type));
      const int exponent = bits >> mantissa_bits & ((1 << exponent_bits) - 1);
      const double mantissa = 1 + (bits & ((1 << mantissa_bits) - 1)) / std::ldexp(1.0, mantissa_bits);
      const double size = exponent == 0 ? 0 : std::ldexp(mantissa, exponent - ((1 << (exponent_bits - 1)) - 1));
      CHECK(size == std::abs(value) && bits >> (exponent_bits + mantissa_bits) == (value < 0 ? 1 : 0));
    }
  }
  CHECK(shrink_float(1e6F, 4, 3) == 0x7e && shrink_float(-1e-9F, 4, 3) == 0x80 && shrink_float(1e9F, 5, 10) == 0x7bff);
}

void a_digest_sees_change_and_place() {
  const GemmProblem p = make_gemm_problem(8, 8, 64, 10);
  GemmProblem changed = p;
  changed.expected[17] ^= 1;
  CHECK(expected_digest(p, 16, 16) != expected_digest(changed, 16, 16));
  changed = p;
  std::swap(changed.expected[0], *std::find_if(changed.expected.begin(), changed.expected.end(),
                                               [&p](int value) { return value != p.expected[0]; }));
  CHECK(expected_digest(p, 16, 16) != expected_digest(changed, 16, 16));
}

}  // namespace

void test_gemm_problem() {
  reference_is_the_plain_product();
  problem_is_the_same_everywhere();
  verification_catches_one_wrong_element();
  comparison_catches_every_single_bit_in_every_type();
  parts_never_written_are_mismatches();
  wide_operands_stay_exact();
  numbers_are_encoded_exactly();
  a_digest_sees_change_and_place();
}

}  // namespace gpu_smoke::test
