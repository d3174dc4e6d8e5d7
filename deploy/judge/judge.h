// Is the canary good? Blocks of counters go in, one verdict comes out: pass, fail, or not decided yet. Pure; what it
// knows is data that whoever takes over goes on from. The rules for bursts and unequal pods (dispersion, leaving out
// the worst pod, stable against stable) hold by simulation and not by proof: docs/measurements/judge.md.
#pragma once
#include <cstddef>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "deploy/judge/ratio.h"

namespace mlctl::deploy {

// One metric: requests, and those of them that count against an arm (errors, or slower than an edge).
struct MetricRule {
  std::string name;             // "errors", "latency above 250ms"
  double worse = 1.5;           // fail: "at most this many times the stable arm's" is refuted
  std::optional<double> floor;  // a rate that is good enough whatever the other arm's is; times the step's ratio before
                                // the last of them
  std::vector<double> ratios;   // pass: for each step below 100 %, "at least this many times" is refuted
  bool operator==(const MetricRule&) const = default;
};

struct JudgeRules {
  std::vector<MetricRule> metrics;
  double alpha = 0.01;            // of a false fail, all metrics together
  double beta = 0.05;             // of a false pass
  double least_dispersion = 1.3;  // bursts that nobody has seen yet
  double unknown_dispersion = 3;  // before `dispersion_blocks` of them were measured
  std::size_t dispersion_blocks = 5;
  bool operator==(const JudgeRules&) const = default;
};

// What one arm did in one block, pod by pod: differences of raw counters, for each metric in the order of the rules.
struct PodCounts {
  std::string pod;
  std::vector<ArmCounts> metrics;
};
struct JudgeBlock {
  std::vector<PodCounts> stable, canary;
  // Of each metric: whether both arms were loaded alike, so that it may pass by what was seen; empty: all were.
  std::vector<bool> comparable = {};
};

// What is known of one metric.
struct MetricState {
  RatioProcess fail_whole, fail_step;  // over the whole rollout, and since the step began: their average counts
  RatioProcess pass_whole, pass_step;
  std::map<std::string, RatioProcess> fail_without;  // each pod of the canary left out
  RatioProcess first_half, second_half;              // of the stable pods against the other half
  ArmCounts canary;                                  // all that was counted
  double spread = 0;  // sum over blocks of the squared, standardised difference between halves of stable
  std::size_t spread_blocks = 0;
};

enum class JudgeVerdict { undecided, pass, fail, environment };
[[nodiscard]] const char* to_string(JudgeVerdict verdict);

struct Judgement {
  JudgeVerdict verdict = JudgeVerdict::undecided;
  std::string reason;  // "errors: 5.2 times the stable rate or more than 1.5 is certain at 1 %"
};

// How far a metric is from an answer: 0 nothing is known, 1 it is certain. What speaks against it makes it negative.
struct Evidence {
  std::string metric;
  double fail = 0, pass = 0;
};

class Judge {
 public:
  explicit Judge(JudgeRules rules);
  // A step with another weight begins: ratios[step] is what has to be excluded in it.
  void begin_step(std::size_t step);
  // Blocks of whatever is measured before the canary has traffic tell how much the stable pods differ by themselves.
  void add_history(const std::vector<PodCounts>& stable);
  // A whole block at one weight, after warm-up. Pods that vanished or began anew in it are left out by the caller.
  void add(const JudgeBlock& block);
  // Fail wins over pass; pass needs every metric that is required (empty: all are); stable against itself comes before
  // both.
  [[nodiscard]] Judgement judge(const std::vector<bool>& required = {}) const;

  [[nodiscard]] std::vector<Evidence> evidence() const;

  // Everything that it knows, and a judge of the same rules that knows it and goes on from it. Error{corrupt}: another
  // rules' state, or none.
  [[nodiscard]] nlohmann::ordered_json state() const;
  [[nodiscard]] static Result<Judge> restored(JudgeRules rules, const nlohmann::json& state);

  // By how much log increments of a metric are divided now.
  [[nodiscard]] double dispersion(std::size_t metric) const;

 private:
  void add_metric(std::size_t metric, const JudgeBlock& block);
  void add_spread(std::size_t metric, const std::vector<PodCounts>& stable);
  [[nodiscard]] bool fails(std::size_t metric) const;
  [[nodiscard]] bool passes(std::size_t metric) const;
  [[nodiscard]] std::optional<double> good_enough(std::size_t metric) const;  // a rate, in this step

  JudgeRules rules_;
  std::size_t step_ = 0;
  std::size_t pods_ = 0;  // of the canary in the last block
  std::vector<MetricState> metrics_;
};

}  // namespace mlctl::deploy
