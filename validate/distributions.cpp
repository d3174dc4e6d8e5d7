#include "validate/distributions.h"

#include <boost/math/distributions/beta.hpp>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cassert>

namespace mlctl::validate {

double normal_quantile(double p) {
  assert(p > 0 && p < 1);
  return boost::math::quantile(boost::math::normal(), p);
}

double normal_density(double x) {
  return boost::math::pdf(boost::math::normal(), x);
}

double student_quantile(double p, double degrees) {
  assert(p > 0 && p < 1 && degrees > 0);
  return boost::math::quantile(boost::math::students_t(degrees), p);
}

double beta_quantile(double p, double a, double b) {
  assert(p > 0 && p < 1 && a > 0 && b > 0);
  return boost::math::quantile(boost::math::beta_distribution<>(a, b), p);
}

double binomial_cdf(std::int64_t k, std::uint64_t n, double q) {
  assert(q > 0 && q < 1);
  if (k < 0) return 0;
  if (static_cast<std::uint64_t>(k) >= n) return 1;
  return boost::math::cdf(boost::math::binomial(static_cast<double>(n), q), static_cast<double>(k));
}

}  // namespace mlctl::validate
