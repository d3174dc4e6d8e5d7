// How often judges of a canary err, and how long they take: ours and, as their documentation describes them, the rules
// of Argo Rollouts, Flagger and Kayenta, on the same made-up traffic. Prints docs/measurements/judge.md. usage:
// rollout-judges [RUNS [SEED]]
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include "tests/bench/rollout_traffic.h"

using namespace mlctl;
using namespace mlctl::bench;
using deploy::ArmCounts;
using deploy::JudgeBlock;
using deploy::JudgeVerdict;

namespace {

constexpr double weights[] = {0.05, 0.25, 0.50};
constexpr int step_limit = 30;  // minutes in one step, after which a person would be asked
constexpr int history = 120;    // minutes of the stable arm before the start

enum class End { promoted, aborted, asked, environment };
struct Outcome {
  End end = End::asked;
  int minutes = 0;
};

// One judge through one rollout. `advance` says after each block: go on to the next step, abort, or wait.
struct Candidate {
  std::string name;
  std::function<Outcome(Traffic&)> run;
};

ArmCounts total(const std::vector<deploy::PodCounts>& pods) {
  ArmCounts out;
  for (const auto& pod : pods) {
    out.requests += pod.metrics[0].requests;
    out.events += pod.metrics[0].events;
  }
  return out;
}

double share(const ArmCounts& counts) {
  return counts.requests > 0 ? counts.events / counts.requests : std::nan("");
}

Outcome run_ours(Traffic& traffic) {
  deploy::Judge judge({.metrics = {{"errors", 1.5, 0.001, {5, 3, 2}}}});
  for (int minute = -history; minute < 0; ++minute) judge.add_history(traffic.block(minute, 0).stable);
  int minute = 0;
  for (std::size_t step = 0; step < std::size(weights); ++step) {
    judge.begin_step(step);
    for (int i = 0;; ++i) {
      if (i == step_limit) return {End::asked, minute};
      judge.add(traffic.block(minute++, weights[step]));
      const auto verdict = judge.judge().verdict;
      if (verdict == JudgeVerdict::fail) return {End::aborted, minute};
      if (verdict == JudgeVerdict::environment) return {End::environment, minute};
      if (verdict == JudgeVerdict::pass) break;
    }
  }
  return {End::promoted, minute};
}

// The steps' own lengths, as a person would write them into a threshold judge.
constexpr int step_minutes[] = {5, 5, 10};

// Argo Rollouts: an AnalysisRun of one measurement a minute beside the steps; successCondition on the canary's success
// rate; the run fails when more than failureLimit measurements did. No data is an error, which is no measurement.
Outcome run_argo(Traffic& traffic, double least_success, int failure_limit) {
  int minute = 0, failures = 0;
  for (int minute_of_history = -history; minute_of_history < 0; ++minute_of_history)
    traffic.block(minute_of_history, 0);
  for (std::size_t step = 0; step < std::size(weights); ++step)
    for (int i = 0; i < step_minutes[step]; ++i) {
      const auto canary = total(traffic.block(minute++, weights[step]).canary);
      if (canary.requests > 0 && 1 - share(canary) < least_success && ++failures > failure_limit)
        return {End::aborted, minute};
    }
  return {End::promoted, minute};
}

// Flagger: a check a minute on the canary's success rate; a failed check does not advance and counts for ever; at
// `threshold` of them the canary is rolled back. Each step takes its minutes of good checks.
Outcome run_flagger(Traffic& traffic, double least_success, int threshold) {
  int minute = 0, failed = 0;
  for (int minute_of_history = -history; minute_of_history < 0; ++minute_of_history)
    traffic.block(minute_of_history, 0);
  for (std::size_t step = 0; step < std::size(weights); ++step)
    for (int good = 0; good < step_minutes[step];) {
      const auto canary = total(traffic.block(minute++, weights[step]).canary);
      if (canary.requests <= 0 || 1 - share(canary) < least_success) {
        if (++failed >= threshold) return {End::aborted, minute};
      } else {
        ++good;
      }
    }
  return {End::promoted, minute};
}

// Two-sided Mann-Whitney U by its normal approximation with ties and continuity: p-value.
double mann_whitney(const std::vector<double>& a, const std::vector<double>& b) {
  struct Value {
    double value;
    bool first;
  };
  std::vector<Value> all;
  for (const double value : a) all.push_back({value, true});
  for (const double value : b) all.push_back({value, false});
  std::sort(all.begin(), all.end(), [](const auto& x, const auto& y) { return x.value < y.value; });
  const auto n = static_cast<double>(all.size());
  double ranks = 0, ties = 0;
  for (std::size_t i = 0; i < all.size();) {
    std::size_t j = i;
    while (j < all.size() && all[j].value == all[i].value) ++j;
    const auto tied = static_cast<double>(j - i);
    for (std::size_t k = i; k < j; ++k)
      if (all[k].first) ranks += (static_cast<double>(i) + static_cast<double>(j) + 1) / 2;
    ties += tied * tied * tied - tied;
    i = j;
  }
  const auto na = static_cast<double>(a.size()), nb = static_cast<double>(b.size());
  const double u = ranks - na * (na + 1) / 2, mean = na * nb / 2;
  const double variance = na * nb / 12 * (n + 1 - ties / (n * (n - 1)));
  if (variance <= 0) return 1;
  const double z = std::max(0.0, std::abs(u - mean) - 0.5) / std::sqrt(variance);
  return std::erfc(z / std::sqrt(2.0));
}

// The median of all differences (Hodges and Lehmann).
double shift(const std::vector<double>& canary, const std::vector<double>& stable) {
  std::vector<double> all;
  for (const double a : canary)
    for (const double b : stable) all.push_back(a - b);
  std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2), all.end());
  return all[all.size() / 2];
}

// Kayenta: at the end of each step the minutes of both arms are compared; "High" (98 %, and a shift of more than a
// quarter of the stable arm's mean) fails the step, everything else passes. Equal series pass.
Outcome run_kayenta(Traffic& traffic) {
  int minute = 0;
  for (int minute_of_history = -history; minute_of_history < 0; ++minute_of_history)
    traffic.block(minute_of_history, 0);
  for (std::size_t step = 0; step < std::size(weights); ++step) {
    std::vector<double> canary, stable;
    for (int i = 0; i < step_minutes[step]; ++i) {
      const auto block = traffic.block(minute++, weights[step]);
      if (const double value = share(total(block.canary)); !std::isnan(value)) canary.push_back(value);
      if (const double value = share(total(block.stable)); !std::isnan(value)) stable.push_back(value);
    }
    if (canary.empty() || stable.empty()) continue;
    double mean = 0;
    for (const double value : stable) mean += value / static_cast<double>(stable.size());
    if (mann_whitney(canary, stable) <= 0.02 && shift(canary, stable) > 0.25 * mean) return {End::aborted, minute};
  }
  return {End::promoted, minute};
}

struct Row {
  int promoted = 0, aborted = 0, asked = 0, environment = 0;
  std::vector<int> to_pass, to_abort;
};

std::string median(std::vector<int> minutes) {
  if (minutes.empty()) return "";
  std::sort(minutes.begin(), minutes.end());
  return std::to_string(minutes[minutes.size() / 2]) + " min";
}

std::string percent(int part, int whole) {
  char text[16];
  std::snprintf(text, sizeof text, "%.1f %%", 100.0 * part / whole);
  return text;
}

std::vector<Scenario> scenarios() {
  std::vector<Scenario> out;
  const Scenario base{.name = "equal"};
  const auto add = [&](const std::string& name, const std::function<void(Scenario&)>& change) {
    Scenario one = base;
    one.name = name;
    change(one);
    out.push_back(one);
  };
  add("equal", [](Scenario&) {});
  add("equal, bursts of 2", [](Scenario& s) { s.burst = 2; });
  add("equal, bursts of 5", [](Scenario& s) { s.burst = 5; });
  add("equal, pods differ by 30 %", [](Scenario& s) { s.pods_differ = 0.3; });
  add("equal, outage of 10 s", [](Scenario& s) { s.outage = 10; });
  add("equal, no errors at all", [](Scenario& s) { s.errors = 0; });
  add("equal, 2 requests/s", [](Scenario& s) { s.rate = 2; });
  add("1.2 times", [](Scenario& s) { s.ratio = 1.2; });
  add("1.5 times, the limit", [](Scenario& s) { s.ratio = 1.5; });
  add("2 times", [](Scenario& s) { s.ratio = 2; });
  add("3 times", [](Scenario& s) { s.ratio = 3; });
  add("5 times", [](Scenario& s) { s.ratio = 5; });
  add("5 times, bursts of 5", [](Scenario& s) { s.ratio = 5, s.burst = 5; });
  add("5 times, outage of 10 s", [](Scenario& s) { s.ratio = 5, s.outage = 10; });
  add("5 % more, from no errors", [](Scenario& s) { s.errors = 0, s.canary_errors = 0.05; });
  add("0.5 % more, from no errors", [](Scenario& s) { s.errors = 0, s.canary_errors = 0.005; });
  add("5 times, 2 requests/s", [](Scenario& s) { s.ratio = 5, s.rate = 2; });
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  const int runs = argc > 1 ? std::stoi(argv[1]) : 1000;
  const std::uint64_t seed = argc > 2 ? std::stoull(argv[2]) : 1;
  const std::vector<Candidate> judges{
      {"mlctl", run_ours},
      {"Argo Rollouts, 99 %, failureLimit 0", [](Traffic& t) { return run_argo(t, 0.99, 0); }},
      {"Argo Rollouts, 99 %, failureLimit 3", [](Traffic& t) { return run_argo(t, 0.99, 3); }},
      {"Flagger, 99 %, threshold 5", [](Traffic& t) { return run_flagger(t, 0.99, 5); }},
      {"Kayenta", run_kayenta},
  };
  std::cout << runs << " rollouts a row, seed " << seed << ".\n\n"
            << "| canary | judge | promoted | aborted | asked | environment | to promote | to abort |\n"
            << "| --- | --- | --- | --- | --- | --- | --- | --- |\n";
  for (const auto& scenario : scenarios())
    for (const auto& judge : judges) {
      Row row;
      for (int run = 0; run < runs; ++run) {
        Traffic traffic(scenario, seed * 1'000'003 + static_cast<std::uint64_t>(run));
        const auto outcome = judge.run(traffic);
        switch (outcome.end) {
          case End::promoted:
            ++row.promoted, row.to_pass.push_back(outcome.minutes);
            break;
          case End::aborted:
            ++row.aborted, row.to_abort.push_back(outcome.minutes);
            break;
          case End::asked:
            ++row.asked;
            break;
          case End::environment:
            ++row.environment;
            break;
        }
      }
      std::cout << "| " << scenario.name << " | " << judge.name << " | " << percent(row.promoted, runs) << " | "
                << percent(row.aborted, runs) << " | " << percent(row.asked, runs) << " | "
                << percent(row.environment, runs) << " | " << median(row.to_pass) << " | " << median(row.to_abort)
                << " |\n"
                << std::flush;
    }
  return 0;
}
