// Tests that stay valid however often one looks (Ville's inequality: a process that starts at 1 and has mean at most 1
// under the null exceeds 1/alpha with probability at most alpha). Pure.
//
// Two arms whose common event rate drifts through the day: only the events are looked at. If the canary gets the share
// w of the requests and its event rate is r times the stable arm's, an event is the canary's with probability
//   theta(r) = w r / (w r + 1 - w),
// whatever the common rate is. Source: Lindon and Malek, "Anytime-Valid Inference for Multinomial Count Data", NeurIPS
// 2022. One stream against a limit: Robbins 1970; Ding, Gandy and Hahn 2017.
#pragma once
#include <cstddef>
#include <vector>

namespace mlctl::deploy {

// One block of time: requests and events (errors, or requests slower than an edge) of both arms.
struct ArmCounts {
  double requests = 0, events = 0;
  bool operator==(const ArmCounts&) const = default;
};
struct BlockCounts {
  ArmCounts stable, canary;
  bool operator==(const BlockCounts&) const = default;
};

// A mixture over a grid of alternatives, each with the same prior weight, against one null ratio.
class RatioProcess {
 public:
  // Against "the canary's rate is at most `null` times the stable arm's": refuted when it is higher.
  static RatioProcess refutes_at_most(double null);
  // Against "at least `null` times": refuted when it is lower.
  static RatioProcess refutes_at_least(double null);

  // Adds a block; its log increments are divided by `dispersion` (1 or more), which keeps the mean at most 1 and pays
  // for events that come in bursts. A block in which one arm had no requests says nothing.
  void add(const BlockCounts& block, double dispersion);

  // The natural logarithm of the mixture; 0 at the start. The null is refuted at level alpha when it is at least
  // -log(alpha).
  [[nodiscard]] double log_value() const;

  // What takes over goes on from here: one number for each alternative, in the order of the grid.
  [[nodiscard]] const std::vector<double>& accumulators() const { return logs_; }
  // False, and nothing happens: another grid's.
  [[nodiscard]] bool restore(const std::vector<double>& accumulators);
  bool operator==(const RatioProcess&) const = default;

 private:
  RatioProcess(double null, std::vector<double> grid);
  double null_;
  std::vector<double> grid_;
  std::vector<double> logs_;
};

// log((exp(a) + exp(b)) / 2): the average of two such processes is one again, dependent or not.
[[nodiscard]] double log_average(double a, double b);

// log of (n+1) C(n,S) p^S (1-p)^(n-S): the rate p is refuted at level eps as soon as this is at most log(eps), however
// often one looks. `events` of `requests`, 0 < p < 1.
[[nodiscard]] double log_rate_value(double requests, double events, double p);
// Every rate up to `limit` is refuted at level `eps`: the true one is above.
[[nodiscard]] bool rate_is_above(double requests, double events, double limit, double eps);
// Every rate from `limit` on is refuted: the true one is below. 0 events in 2,127 requests show less than 0.5 % at 5 %.
[[nodiscard]] bool rate_is_below(double requests, double events, double limit, double eps);

}  // namespace mlctl::deploy
