#include "gemm_problem.h"

#include "check.h"
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

void comparison_catches_every_single_bit() {
  const GemmProblem p = make_gemm_problem(3, 4, 64, 6);
  CHECK(compare(p, p.expected).mismatches == 0);
  for (int bit = 0; bit < 32; ++bit) {
    auto actual = p.expected;
    actual[7] = static_cast<std::int32_t>(static_cast<std::uint32_t>(actual[7]) ^ (1U << bit));
    const Comparison result = compare(p, actual);
    CHECK(result.mismatches == 1 && result.first_row == 1 && result.first_column == 3);
  }
}

void parts_never_written_are_mismatches() {
  const GemmProblem p = make_gemm_problem(8, 8, 4096, 7);
  CHECK(compare(p, std::vector<std::int32_t>(64, kPoison)).mismatches == 64);
  CHECK(compare(p, {}).mismatches == 64);
  CHECK(kPoison > kMaxGemmK);
}

}  // namespace

void test_gemm_problem() {
  reference_is_the_plain_product();
  problem_is_the_same_everywhere();
  verification_catches_one_wrong_element();
  comparison_catches_every_single_bit();
  parts_never_written_are_mismatches();
}

}  // namespace gpu_smoke::test
