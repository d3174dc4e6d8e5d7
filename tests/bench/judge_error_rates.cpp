// How often the judge of latency errs, by thousands of simulated loads: no servers, a seed, minutes.
// Usage: judge-error-rates [RUNS [SEED]]; a Markdown table on stdout.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <iomanip>
#include <iostream>

#include "tests/validate/simulated_load.h"
#include "validate/judge.h"
#include "validate/random.h"

using namespace mlctl;
using namespace mlctl::validate;

namespace {

constexpr double accepted = 0.10;  // slower

std::array<int, 3> verdicts(const GateConfig& config, double true_ratio, int runs, Random& random) {
  std::array<int, 3> counts{};
  for (int run = 0; run < runs; ++run) {
    const auto schedule = make_schedule(*config.load, true, random.next());
    const auto result = simulated_load(schedule, true_ratio, random.next());
    for (const auto& check : judge_load(config, schedule, result, true, random.next()).checks) {
      if (check.name.rfind("latency.slower", 0) == 0) ++counts.at(static_cast<std::size_t>(check.verdict));
    }
  }
  return counts;
}

}  // namespace

int main(int argc, char** argv) {
  const int runs = argc > 1 ? std::atoi(argv[1]) : 500;
  const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  Random random(seed);
  std::cout << "Simulated loads of 60 requests/s, blocks of 1 s, at most " << accepted * 100 << " % slower accepted, "
            << runs << " runs a row, seed " << seed
            << ". `pass` above a true ratio of 1.10 and `fail` below it are errors; each is\n"
            << "promised at most 5 % of the time.\n\n"
            << "| quantile | load | true ratio | pass | fail | inconclusive |\n| --- | --- | --- | --- | --- | --- |\n";
  for (const auto* name : {"p50", "p95"}) {
    for (const int seconds : {60, 180}) {
      GateConfig config;
      config.load = LoadConfig{};
      config.load->duration = std::chrono::seconds(seconds);
      config.slower = {{*find_quantile(name), accepted}};
      for (const double ratio : {1.0, 1.05, 1.1, 1.15, 1.2, 1.5}) {
        const auto counts = verdicts(config, ratio, runs, random);
        std::cout << "| " << name << " | " << seconds << " s | " << std::fixed << std::setprecision(2) << ratio;
        for (const int count : counts) std::cout << " | " << std::setprecision(1) << 100.0 * count / runs << " %";
        std::cout << " |" << std::endl;
      }
    }
  }
}
