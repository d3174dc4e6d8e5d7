#include "validate/judge.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>

#include "validate/bootstrap.h"
#include "validate/statistics.h"

namespace mlctl::validate {
namespace {

double milliseconds(Duration d) {
  return std::chrono::duration<double, std::milli>(d).count();
}
std::string percent(double share) {
  return number_text(share * 100, "%");
}

// The samples of one arm that are judged, block by block in the order of the pairs, in milliseconds.
struct ArmData {
  std::vector<Block> blocks;
  std::vector<double> sorted;
  std::array<std::uint64_t, outcomes> counts{};
  [[nodiscard]] std::uint64_t sent() const { return sorted.size(); }
  [[nodiscard]] std::uint64_t failed() const { return sent() - counts[static_cast<std::size_t>(Outcome::answered)]; }
};

ArmData gather(const Schedule& schedule, const LoadResult& result, Arm arm) {
  ArmData data;
  std::vector<std::size_t> place(schedule.blocks.size());
  for (std::size_t b = 0; b < schedule.blocks.size(); ++b) {
    if (schedule.blocks[b].arm != arm || schedule.blocks[b].warmup) continue;
    place[b] = data.blocks.size();
    data.blocks.emplace_back();
  }
  for (std::size_t i = 0; i < schedule.requests.size(); ++i) {
    const auto& block = schedule.blocks[schedule.requests[i].block];
    const auto& sample = result.samples[i];
    if (block.arm != arm || block.warmup || sample.outcome == Outcome::unsent) continue;
    const double value =
        sample.outcome == Outcome::answered ? milliseconds(sample.latency) : std::numeric_limits<double>::infinity();
    ++data.counts[static_cast<std::size_t>(sample.outcome)];
    data.blocks[place[schedule.requests[i].block]].push_back(value);
    data.sorted.push_back(value);
  }
  std::sort(data.sorted.begin(), data.sorted.end());
  return data;
}

struct Context {
  const GateConfig& config;
  const LoadResult& result;
  ArmData candidate, baseline;
  ClientState client;
  Duration length{};
  std::uint64_t seed = 0;
};

std::string late_text(const ClientState& client) {
  return "this machine could not keep the load's own times: client at " + percent(client.cpu) + " of a core, " +
         percent(client.late) + " of requests sent late";
}

// Why this quantile of the load cannot be judged, or "".
std::string spoiled(const Context& context, const Quantile& quantile) {
  if (context.result.stopped) {
    return std::string("the load was cut short: the ") + to_string(context.result.stopped->arm) + " ended";
  }
  return context.client.saturated(quantile.q) ? late_text(context.client) : "";
}

// No version is called slow for what the client may have added to it, or fast enough for what it may have added to the
// baseline: where a tail could be the client's own, neither verdict stands.
void doubt_when_late(const Context& context, const Quantile& quantile, Check& check) {
  if (check.verdict == Verdict::inconclusive || !context.client.spoils_tail(quantile.q)) return;
  check.verdict = Verdict::inconclusive;
  check.reason += ", but " + late_text(context.client);
}

// A request that is sent late looks slower than the server is: what is below a limit nevertheless, is below it.
bool holds_when_late(const Context& context, const Interval& interval, double limit) {
  return !context.result.stopped && context.client.cpu <= client_cpu_limit && at_most(interval, limit) == Verdict::pass;
}

std::string failures_text(const ArmData& data, const std::string& first) {
  std::string text;
  for (std::size_t i = 1; i < outcomes; ++i) {
    if (data.counts[i] == 0) continue;
    text += (text.empty() ? "" : ", ") + std::to_string(data.counts[i]) + " " + to_string(static_cast<Outcome>(i));
  }
  return first.empty() ? text : text + "; the first: " + first;
}

Check judge_errors(const Context& context) {
  Check check{.name = "errors", .verdict = Verdict::error, .reason = "", .findings = {}, .metrics = {}};
  const auto& data = context.candidate;
  if (data.sent() > 0) {
    const auto interval = clopper_pearson(data.failed(), data.sent());
    const double share = static_cast<double>(data.failed()) / static_cast<double>(data.sent());
    check.metrics.push_back({.name = "failed requests",
                             .value = share * 100,
                             .unit = "%",
                             .interval = Interval{interval.low * 100, interval.high * 100, interval.level},
                             .limit = context.config.errors * 100,
                             .better = Better::less,
                             .samples = data.sent(),
                             .note = "Clopper-Pearson"});
    check.verdict = at_most(interval, context.config.errors);
    check.reason = std::to_string(data.failed()) + " of " + count_text(data.sent(), "request") + " failed";
    if (data.failed() > 0) check.reason += ": " + failures_text(data, context.result.first_failure[0]);
    if (check.verdict == Verdict::inconclusive) {
      check.reason += "; too few requests to tell from " + percent(context.config.errors);
    }
  }
  check.metrics.push_back({.name = "client cpu",
                           .value = context.client.cpu * 100,
                           .unit = "%",
                           .interval = {},
                           .limit = {},
                           .better = Better::less,
                           .samples = 1,
                           .note = "of one core"});
  check.metrics.push_back({.name = "late sends",
                           .value = context.client.late * 100,
                           .unit = "%",
                           .interval = {},
                           .limit = {},
                           .better = Better::less,
                           .samples = context.result.samples.size(),
                           .note = "more than " + human_duration(late_after) + " behind the intended time"});
  check.metrics.push_back({.name = "missed rate",
                           .value = context.client.missed_rate * 100,
                           .unit = "%",
                           .interval = {},
                           .limit = {},
                           .better = Better::less,
                           .samples = context.result.samples.size(),
                           .note = "of the rate asked for"});
  if (!context.result.stopped) return check;
  const auto& stop = *context.result.stopped;
  check.verdict = stop.arm == Arm::candidate ? Verdict::fail : Verdict::error;
  check.reason = std::string("the ") + to_string(stop.arm) + " ended under load: " + stop.error.message;
  return check;
}

// A server that ended at once was sent nothing: there is no number to show. The reason may stand there already.
bool nothing_sent(const ArmData& data, Check& check) {
  if (data.sent() > 0) return false;
  if (check.reason.empty()) check.reason = "no request was sent";
  return true;
}

Metric latency_metric(const ArmData& data, Arm arm, const Quantile& quantile) {
  return {.name = std::string(quantile.name) + " " + to_string(arm),
          .value = quantile_of(data.sorted, quantile.q),
          .unit = "ms",
          .interval = quantile_interval(data.sorted, quantile.q),
          .limit = {},
          .better = Better::less,
          .samples = data.sent(),
          .note = "order statistics"};
}

std::string longer_text(const Context& context, double times) {
  if (!std::isfinite(times) || times > 100) return "; so close to the limit that more load would hardly decide";
  const auto needed = std::chrono::duration<double>(context.length).count() * std::max(times, 1.2);
  const auto minutes = static_cast<int>(std::ceil(needed / 60));
  return "; on this machine about " + std::to_string(minutes) +
         " min of load would decide: gate.load.duration: " + std::to_string(minutes) + "m";
}

Check judge_limit(const Context& context, const LatencyLimit& limit) {
  Check check{.name = std::string("latency.limit.") + limit.quantile.name,
              .verdict = Verdict::inconclusive,
              .reason = spoiled(context, limit.quantile),
              .findings = {},
              .metrics = {}};
  if (nothing_sent(context.candidate, check)) return check;
  auto metric = latency_metric(context.candidate, Arm::candidate, limit.quantile);
  // Requests behind one another are not independent: where blocks say that less is known, they are believed.
  const auto by_block = blocked_quantile_interval(context.candidate.blocks, limit.quantile.q, context.seed);
  metric.interval->low = std::min(metric.interval->low, by_block.low);
  metric.interval->high = std::max(metric.interval->high, by_block.high);
  metric.limit = milliseconds(limit.limit);
  metric.note = "order statistics and block bootstrap, the wider";
  check.metrics.push_back(metric);
  if (!check.reason.empty() && !holds_when_late(context, *metric.interval, *metric.limit)) return check;
  check.verdict = at_most(*metric.interval, *metric.limit);
  check.reason = std::string(limit.quantile.name) + " is " + number_text(metric.value, "ms") + ", at most " +
                 number_text(*metric.limit, "ms") + " is asked for";
  if (check.verdict == Verdict::inconclusive) {
    check.reason += "; the interval does not decide";
    if (std::isfinite(metric.interval->high) && std::isfinite(metric.interval->low)) {
      const double error = (metric.interval->high - metric.interval->low) / 3.29;  // 90 %: 2 * 1.645 standard errors
      check.reason += longer_text(context, longer_by(error, metric.value - *metric.limit));
    }
  }
  if (check.verdict == Verdict::fail) doubt_when_late(context, limit.quantile, check);
  return check;
}

Check judge_slower(const Context& context, const LatencySlower& slower, bool compare) {
  Check check{.name = std::string("latency.slower.") + slower.quantile.name,
              .verdict = Verdict::skipped,
              .reason = std::string(first_version),
              .findings = {},
              .metrics = {}};
  for (const auto arm : {Arm::candidate, Arm::baseline}) {
    const auto& data = arm == Arm::candidate ? context.candidate : context.baseline;
    if (data.sent() > 0) check.metrics.push_back(latency_metric(data, arm, slower.quantile));
  }
  if (!compare) return check;
  check.verdict = Verdict::inconclusive;
  check.reason = spoiled(context, slower.quantile);
  if (nothing_sent(context.candidate, check) || nothing_sent(context.baseline, check)) return check;

  std::vector<BlockPair> pairs;
  for (std::size_t i = 0; i < std::min(context.candidate.blocks.size(), context.baseline.blocks.size()); ++i) {
    pairs.push_back({context.candidate.blocks[i], context.baseline.blocks[i]});
  }
  const auto estimate = quantile_ratio(pairs, slower.quantile.q, context.seed);
  const double limit = 1 + slower.share;
  check.metrics.insert(check.metrics.begin(),
                       {.name = std::string(slower.quantile.name) + " ratio",
                        .value = estimate.ratio,
                        .unit = "",
                        .interval = estimate.interval,
                        .limit = limit,
                        .better = Better::less,
                        .samples = context.candidate.sent() + context.baseline.sent(),
                        .note = "block bootstrap, " + std::to_string(estimate.pairs) + " pairs of 1 s blocks"});
  if (!check.reason.empty()) return check;
  if (context.baseline.failed() * 100 > context.baseline.sent()) {
    check.verdict = Verdict::error;
    check.reason = "the baseline failed " + std::to_string(context.baseline.failed()) + " of " +
                   count_text(context.baseline.sent(), "request") + ": " +
                   failures_text(context.baseline, context.result.first_failure[1]);
    return check;
  }
  check.verdict = at_most(estimate.interval, limit);
  check.reason = std::string(slower.quantile.name) + " is " + number_text(estimate.ratio) +
                 " times the baseline's, at most " + number_text(limit) + " is asked for";
  if (check.verdict == Verdict::inconclusive) {
    check.reason += "; the interval does not decide" +
                    longer_text(context, longer_by(estimate.log_error, std::log(estimate.ratio / limit)));
  }
  doubt_when_late(context, slower.quantile, check);
  return check;
}

Series raw_series(const Schedule& schedule, const LoadResult& result, Arm arm) {
  Series raw{.title = "Latency over time",
             .arm = to_string(arm),
             .name = std::string(to_string(arm)) + " p50",
             .unit = "ms",
             .x_label = "seconds since start",
             .points = {}};
  for (std::size_t i = 0; i < schedule.requests.size(); ++i) {
    const auto& block = schedule.blocks[schedule.requests[i].block];
    if (block.arm != arm || block.warmup || result.samples[i].outcome != Outcome::answered) continue;
    raw.points.push_back({.x = std::chrono::duration<double>(schedule.requests[i].at).count(),
                          .y = milliseconds(result.samples[i].latency)});
  }
  return raw;
}

void draw(LoadJudgement& judgement, const Schedule& schedule, const Context& context, Arm arm) {
  const auto& data = arm == Arm::candidate ? context.candidate : context.baseline;
  if (data.sent() == 0) return;
  auto distribution = distribution_of("Latency", to_string(arm), "ms", data.sorted);
  for (const auto& limit : context.config.limits) {
    distribution.marks.push_back({std::string(limit.quantile.name) + " limit", milliseconds(limit.limit)});
  }
  judgement.distributions.push_back(std::move(distribution));
  const auto raw = raw_series(schedule, context.result, arm);
  const double width = std::max(2.0, std::chrono::duration<double>(schedule.length).count() / 300);
  for (const auto& [name, q] : {std::pair{"p50", 0.5}, std::pair{"p99", 0.99}}) {
    auto series = windowed_quantile(raw, width, q);
    series.name = std::string(to_string(arm)) + " " + name;
    judgement.series.push_back(std::move(series));
  }
}

}  // namespace

bool ClientState::saturated(double q) const {
  return cpu > client_cpu_limit || late > std::max(late_share_limit, (1 - q) * late_tail_limit);
}

bool ClientState::spoils_tail(double q) const {
  return late > (1 - q) * late_tail_limit;
}

ClientState client_state(const Schedule& schedule, const LoadResult& result) {
  ClientState state;
  std::uint64_t late = 0;
  std::uint64_t sent = 0;
  std::uint64_t in_time = 0;
  for (const auto& sample : result.samples) {
    if (sample.outcome == Outcome::unsent) continue;
    ++sent;
    late += sample.late > late_after;
    in_time += sample.outcome == Outcome::answered && sample.latency < block_length;
  }
  if (sent > 0) {
    state.late = static_cast<double>(late) / static_cast<double>(sent);
    state.missed_rate = 1 - static_cast<double>(in_time) / static_cast<double>(schedule.requests.size());
  }
  if (result.elapsed.count() > 0) {
    state.cpu = static_cast<double>(result.client_cpu.count()) / static_cast<double>(result.elapsed.count());
  }
  return state;
}

LoadJudgement judge_load(const GateConfig& config, const Schedule& schedule, const LoadResult& result, bool compare,
                         std::uint64_t seed) {
  const Context context{.config = config,
                        .result = result,
                        .candidate = gather(schedule, result, Arm::candidate),
                        .baseline = gather(schedule, result, Arm::baseline),
                        .client = client_state(schedule, result),
                        .length = schedule.length,
                        .seed = seed};
  LoadJudgement judgement;
  judgement.checks.push_back(judge_errors(context));
  for (const auto& limit : config.limits) judgement.checks.push_back(judge_limit(context, limit));
  for (const auto& slower : config.slower) judgement.checks.push_back(judge_slower(context, slower, compare));
  draw(judgement, schedule, context, Arm::candidate);
  if (compare) draw(judgement, schedule, context, Arm::baseline);
  return judgement;
}

}  // namespace mlctl::validate
