// Is it as fast as its kind, its peers on the node, and itself in earlier runs?
#include <algorithm>

#include "reference.h"
#include "verdict.h"
#include "verdict_codes.h"

namespace gpu_smoke {
namespace {

constexpr std::size_t kMinimumPastRuns = 3;
const Policy kNoPolicy;  // speed is judged alike under every policy

// How a GPU's links fare depends on which socket the measuring thread ran on: that warns and does not fail.
bool is_link(MetricKind kind) {
  return kind == MetricKind::host_to_device || kind == MetricKind::device_to_host;
}

std::string text_of(const Metric& metric) {
  return short_number(metric.value) + " " + metric.unit;
}

std::string percent_of(double value, double of) {
  return short_number(100 * value / of) + " %";
}

const NvmlGpu* side_of(const Evidence& evidence, const CudaGpu& gpu) {
  for (const auto& side : evidence.nvml.gpus) {
    if (!side.pci_bus_id.empty() && side.pci_bus_id == gpu.pci_bus_id) return &side;
  }
  return nullptr;
}

// The best of the same chip on this node, itself included.
double best_peer(const Evidence& evidence, const CudaGpu& gpu, const Metric& metric) {
  double value = metric.value;
  for (const auto& peer : evidence.cuda.gpus) {
    if (peer.name != gpu.name || is_shared({evidence, kNoPolicy, &peer, side_of(evidence, peer)})) continue;
    for (const auto& other : metrics_of(peer)) {
      if (other.name == metric.name) value = std::max(value, other.value);
    }
  }
  return value;
}

// 0 without enough earlier runs.
double usual(const Evidence& evidence, const std::string& uuid, const Metric& metric) {
  std::vector<double> values;
  for (const auto& run : evidence.history) {
    if (run.uuid != uuid) continue;
    for (std::size_t i = 0; i < run.names.size() && i < run.values.size(); ++i) {
      if (run.names[i] == metric.name) values.push_back(run.values[i]);
    }
  }
  return values.size() < kMinimumPastRuns ? 0 : median(values);
}

Check against_reference(const Subject& subject, const std::string& name, const Metric& metric) {
  std::string text = text_of(metric);
  if (is_shared(subject)) return inconclusive(name, sharing(subject), text + " on a GPU that is not ours alone");
  if (metric.retried) {
    text += ", the better of two tries " + short_number(subject.evidence.cool_down_s) + " s apart";
  }
  if (metric.own_kernel) {
    return skipped(name, "cublas-absent",
                   text + " by our own kernel; only libcublasLt's speed can be held against the table");
  }
  const auto reference = reference_for(*subject.cuda, subject.nvml, metric);
  if (!reference) return skipped(name, "no-reference", text + "; nothing to compare it with");
  text += ", " + percent_of(metric.value, reference->expected) + " of what is expected (" + reference->source + ")";
  if (reference->from_table && metric.value < kFailBelow * reference->expected) return fail(name, "slow", text);
  Check check = pass(name, text);
  if (metric.value < kWarnBelow * reference->expected) check.warnings.push_back("below what is expected: " + text);
  return check;
}

Check judge_run(const Subject& subject, const std::string& name, const Outcome& outcome, const Metric* metric) {
  if (!outcome.skipped.empty()) return skipped(name, "not-supported", outcome.skipped);
  if (outcome.code != cuda::kSuccess) {
    return from_cuda_code(subject.evidence, name, outcome.code, outcome.step.empty() ? name : outcome.step);
  }
  if (metric == nullptr) return could_not(name, "cuda-error", "nothing was measured");
  return against_reference(subject, name, *metric);
}

const Metric* find(const std::vector<Metric>& metrics, MetricKind kind, DataType type = DataType::int8) {
  for (const auto& metric : metrics) {
    if (metric.kind == kind && (kind != MetricKind::gemm || metric.type == type)) return &metric;
  }
  return nullptr;
}

// True when the table knows the chip and has nothing to say of this type: consumer-rate fp64, say.
bool not_worth_a_check(const CudaGpu& gpu, DataType type) {
  const ChipReference* chip = find_chip(gpu.name);
  return chip != nullptr && chip->gemm[static_cast<std::size_t>(type)].expected <= 0;
}

// Every metric against `other(metric)`, as one check whose reason is the lowest that counts.
template <class Other>
Check against(const Subject& subject, const char* name, const char* cause, const std::string& what,
              const Other& other) {
  Check check = skipped(name, "no-reference", "nothing of " + what + " to compare with");
  double lowest = 0;
  for (const auto& metric : metrics_of(*subject.cuda)) {
    const double reference = other(metric);
    if (reference <= 0) continue;
    const double ratio = metric.value / reference;
    const std::string text =
        metric.name + ": " + text_of(metric) + ", " + percent_of(metric.value, reference) + " of " + what;
    const bool fails = ratio < kPeerFailBelow && !is_link(metric.kind);
    if (!fails && ratio < kPeerWarnBelow) check.warnings.push_back(text);
    const bool decides = check.verdict == Verdict::skipped || (fails && check.verdict == Verdict::pass) ||
                         (fails == (check.verdict == Verdict::fail) && ratio < lowest);
    if (!decides) continue;
    lowest = ratio;
    check.verdict = fails ? Verdict::fail : Verdict::pass;
    check.cause = fails ? cause : "";
    check.reason = "lowest is " + text;
  }
  return check;
}

std::string uuid_of(const NvmlGpu* nvml) {
  return nvml != nullptr ? nvml->uuid : "";
}

}  // namespace

std::vector<Check> judge_speed(const Subject& subject) {
  if (subject.cuda == nullptr || subject.evidence.level == Level::quick) return {};
  const CudaGpu& gpu = *subject.cuda;
  const auto metrics = metrics_of(gpu);
  std::vector<Check> checks;
  const auto transfer = [&](const char* name, const BandwidthRun& run, MetricKind kind) {
    if (run.wrong_bytes > 0) {
      checks.push_back(fail(name, "wrong-result", std::to_string(run.wrong_bytes) + " bytes arrived wrong"));
    } else {
      checks.push_back(judge_run(subject, name, run, find(metrics, kind)));
    }
  };
  transfer("host-to-device", gpu.host_to_device, MetricKind::host_to_device);
  transfer("device-to-host", gpu.device_to_host, MetricKind::device_to_host);
  transfer("copy", gpu.copy, MetricKind::copy);
  for (const auto& type : kDataTypes) {
    if (!supports(gpu.major, gpu.minor, type.type) || not_worth_a_check(gpu, type.type)) continue;
    SpeedRun run;
    for (const auto& made : gpu.speeds) {
      if (made.type == type.type) run = made;
    }
    checks.push_back(
        judge_run(subject, std::string("gemm-") + type.name, run, find(metrics, MetricKind::gemm, type.type)));
  }
  if (is_shared(subject)) return checks;
  const Evidence& evidence = subject.evidence;
  const auto same_chip = [&gpu](const CudaGpu& other) { return other.name == gpu.name; };
  if (std::count_if(evidence.cuda.gpus.begin(), evidence.cuda.gpus.end(), same_chip) > 1) {
    checks.push_back(against(subject, "peers", "slower-than-peers", "the best peer on this node",
                             [&](const Metric& metric) { return best_peer(evidence, gpu, metric); }));
  }
  if (!evidence.history.empty()) {
    checks.push_back(against(subject, "history", "slower-than-before", "the median of its earlier runs",
                             [&](const Metric& metric) { return usual(evidence, uuid_of(subject.nvml), metric); }));
  }
  return checks;
}

std::vector<LowMetric> low_metrics(const Evidence& evidence) {
  std::vector<LowMetric> low;
  for (const auto& gpu : evidence.cuda.gpus) {
    const NvmlGpu* nvml = side_of(evidence, gpu);
    const Subject subject{evidence, kNoPolicy, &gpu, nvml};
    if (is_shared(subject)) continue;
    for (const auto& metric : metrics_of(gpu)) {
      const auto reference = reference_for(gpu, nvml, metric);
      const bool slow =
          !metric.own_kernel && reference && reference->from_table && metric.value < kFailBelow * reference->expected;
      const double others = std::max(best_peer(evidence, gpu, metric), usual(evidence, uuid_of(nvml), metric));
      if (slow || (!is_link(metric.kind) && metric.value < kPeerFailBelow * others)) {
        low.push_back({gpu.ordinal, metric.kind, metric.type});
      }
    }
  }
  return low;
}

}  // namespace gpu_smoke
