// The few distribution functions that the statistics stand on; distributions.cpp is the only includer of Boost.Math.
// Arguments outside a function's domain are programmer errors.
#pragma once
#include <cstdint>

namespace mlctl::validate {

[[nodiscard]] double normal_quantile(double p);  // 0 < p < 1
[[nodiscard]] double normal_density(double x);
[[nodiscard]] double student_quantile(double p, double degrees);   // 0 < p < 1, degrees > 0
[[nodiscard]] double beta_quantile(double p, double a, double b);  // 0 < p < 1, a, b > 0
// P(Bin(n, q) <= k); k < 0 gives 0.
[[nodiscard]] double binomial_cdf(std::int64_t k, std::uint64_t n, double q);

}  // namespace mlctl::validate
