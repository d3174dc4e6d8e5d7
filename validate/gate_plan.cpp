// What a gate will do, and whether its load can decide what it is asked.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "validate/gate.h"
#include "validate/schedule.h"
#include "validate/statistics.h"

namespace mlctl::validate {
namespace {

constexpr std::uint64_t least_pairs = 20;  // below, a bootstrap of blocks says little
constexpr double least_share = 1.5e-7;     // of errors: less would need more than most_requests
constexpr double most_minutes = 1e9;       // that are worth writing down

std::string duration_text(double seconds) {
  if (seconds <= 90) return std::to_string(static_cast<int>(std::ceil(seconds / 10) * 10)) + "s";
  return std::to_string(static_cast<std::uint64_t>(std::min(std::ceil(seconds / 60), most_minutes))) + "m";
}

// Requests to each arm are drawn at random times: a little more than needed, so that bad luck does not undecide.
double with_luck(std::uint64_t needed) {
  return static_cast<double>(needed) + 2 * std::sqrt(static_cast<double>(needed));
}

struct Need {
  std::string text;
  double seconds = 0;  // of load, both arms together
};

Need need_of(const LoadConfig& load, int arms, const std::string& asked, std::uint64_t samples, double least_seconds) {
  const double seconds = std::max(with_luck(samples) / load.rate * arms, least_seconds);
  return {.text = asked + " needs " + count_text(samples, "request") + " to each version: at " +
                  number_text(load.rate) + "/s at least " + duration_text(seconds) + " of load",
          .seconds = seconds};
}

std::vector<Need> needs_of(const GateConfig& config, bool compare) {
  std::vector<Need> needs;
  const int arms = compare ? 2 : 1;
  // Whether at most this share fails is the same question as whether a quantile lies below the failures: even where
  // none fails, fewer requests leave it open. That none at all may fail is never known, and never refused here.
  if (config.errors > 0 && config.errors < 1) {
    needs.push_back(need_of(*config.load, arms, "gate.errors.limit " + number_text(config.errors * 100, "%"),
                            samples_for_bound(1 - config.errors), 0));
  }
  for (const auto& limit : config.limits) {
    needs.push_back(need_of(*config.load, arms, std::string("gate.latency.limit.") + limit.quantile.name,
                            samples_for_bound(limit.quantile.q), 0));
  }
  for (const auto& slower : config.slower) {
    if (!compare) break;
    const auto samples =
        std::max(samples_for_bound(slower.quantile.q), samples_for_ratio(slower.quantile.q, slower.share));
    const double blocks = std::chrono::duration<double>(block_length).count() * 2 * least_pairs;
    needs.push_back(
        need_of(*config.load, arms, std::string("gate.latency.slower.") + slower.quantile.name, samples, blocks));
  }
  return needs;
}

Error usage(std::string message, std::string hint) {
  return {.kind = Error::Kind::usage, .message = std::move(message), .hint = std::move(hint)};
}

}  // namespace

Result<GatePlan> plan_gate(const GateConfig& config, bool has_baseline) {
  GatePlan plan{.config = config, .compare = has_baseline, .requests_per_arm = 0, .longest = {}};
  if (!config.load) return plan;
  if (!config.parity && !config.accuracy) {
    return usage("gate: there is nothing to send under load",
                 "give gate.parity.cases or gate.accuracy.data: their inputs are the requests");
  }
  for (const auto& slower : config.slower) {
    if (slower.share <= 0) return usage("gate.latency.slower: a share above zero is needed, such as 10%", "");
  }
  if (config.errors > 0 && config.errors < least_share) {
    return usage("gate.errors.limit: no load can tell so small a share", "0.01% needs 29,956 requests");
  }
  const double seconds = std::chrono::duration<double>(config.load->duration).count();
  const double requests = config.load->rate * seconds;
  if (requests > static_cast<double>(most_requests)) {
    return usage("gate.load: more than 20,000,000 requests", "lower gate.load.rate or gate.load.duration");
  }
  std::string text;
  double longest = 0;
  for (const auto& need : needs_of(config, has_baseline)) {
    if (need.seconds <= seconds + 1e-9) continue;
    text += (text.empty() ? "" : "\n") + need.text;
    longest = std::max(longest, need.seconds);
  }
  if (!text.empty()) {
    return usage("the load of " + human_duration(config.load->duration) + " cannot decide what it is asked\n" + text,
                 "gate.load.duration: " + duration_text(longest) + ", or a higher gate.load.rate");
  }
  plan.requests_per_arm = static_cast<std::uint64_t>(requests / (has_baseline ? 2 : 1));
  plan.longest = config.load->warmup + config.load->duration;
  return plan;
}

}  // namespace mlctl::validate
