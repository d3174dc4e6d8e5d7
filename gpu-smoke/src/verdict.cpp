#include "verdict.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "verdict_codes.h"

namespace gpu_smoke {
namespace {

Check& apply_strict(Check& check, const Policy& policy) {
  if (policy.strict && check.verdict == Verdict::skipped) {
    check.verdict = Verdict::fail;
    check.cause = "strict";
    check.reason = "skipped, and --strict accepts no skip: " + check.reason;
  }
  return check;
}

// CUDA's GPUs with their NVML side by bus id, then GPUs that only NVML sees, unless they are hidden on purpose.
std::vector<GpuReport> pair_gpus(const Evidence& evidence) {
  std::vector<GpuReport> reports;
  std::vector<bool> used(evidence.nvml.gpus.size(), false);
  for (const auto& gpu : evidence.cuda.gpus) {
    auto take = [&](auto matches) -> std::optional<NvmlGpu> {
      for (std::size_t i = 0; i < used.size(); ++i) {
        if (used[i] || !matches(evidence.nvml.gpus[i])) continue;
        used[i] = true;
        return evidence.nvml.gpus[i];
      }
      return std::nullopt;
    };
    auto side = take([&gpu](const NvmlGpu& n) { return !n.pci_bus_id.empty() && n.pci_bus_id == gpu.pci_bus_id; });
    // One whose handle was refused has no bus id: most likely it is this one, and its code says why.
    if (!side) side = take([](const NvmlGpu& n) { return n.handle_code != nvml::kSuccess; });
    reports.push_back({gpu, std::move(side), {}});
  }
  if (evidence.visible_devices_set && !evidence.cuda.gpus.empty()) return reports;
  for (std::size_t i = 0; i < used.size(); ++i) {
    if (!used[i]) reports.push_back({std::nullopt, evidence.nvml.gpus[i], {}});
  }
  return reports;
}

void summarise(Report& report) {
  std::size_t skipped = 0;
  const Check* decisive = nullptr;
  std::string place;
  auto look = [&](const Check& check, const std::string& where) {
    skipped += check.verdict == Verdict::skipped;
    if (rank(check.verdict) <= (decisive == nullptr ? 0 : rank(decisive->verdict))) return;
    decisive = &check;
    place = where;
  };
  for (const auto& check : report.checks) look(check, "");
  for (std::size_t i = 0; i < report.gpus.size(); ++i) {
    for (const auto& check : report.gpus[i].checks) look(check, "GPU " + std::to_string(i) + " ");
  }
  if (decisive != nullptr) {
    report.verdict = decisive->verdict;
    report.cause = decisive->cause;
    report.reason = place + decisive->name + ": " + decisive->reason;
    return;
  }
  if (report.gpus.empty()) {
    report.cause = "no-gpu";
    report.reason = "no GPU was checked";
    return;
  }
  report.verdict = Verdict::pass;
  report.reason = "every check passed on " + std::to_string(report.gpus.size()) + " GPU(s)";
  if (skipped > 0) report.reason += ", " + std::to_string(skipped) + " skipped";
}

}  // namespace

std::string sharing(const Subject& subject) {
  const bool named = subject.cuda != nullptr && subject.cuda->name.find("MIG ") != std::string::npos;
  if (named) return "mig";
  if (subject.nvml == nullptr) return "sharing-unknown";
  const auto& mig = subject.nvml->before.mig_enabled;
  const auto& others = subject.nvml->before.compute_processes;
  if (mig.ok() && mig.value) return "mig";
  if (others.ok() && others.value > 0) return "shared";
  // Chips and drivers without MIG say so.
  const bool no_mig = mig.ok() || mig.code == nvml::kNotSupported || mig.code == nvml::kFunctionNotFound;
  return no_mig && others.ok() ? "" : "sharing-unknown";
}

bool is_shared(const Subject& subject) {
  const std::string why = sharing(subject);
  return why == "mig" || why == "shared";
}

namespace {

// Under MIG the driver has counters for the whole GPU, and often gives none to one part of it, or refuses them.
void mark_unavailable(Check& check, const Subject& subject) {
  const bool refused = check.verdict == Verdict::error && check.cause == "no-permission" && subject.nvml != nullptr &&
                       subject.nvml->handle_code == nvml::kSuccess;
  if ((check.cause != "not-supported" && !refused) || sharing(subject) != "mig") return;
  check.verdict = Verdict::skipped;
  check.cause = "unavailable";
}

// Others may be what slows the GPU, heats it or fills its link: what they can cause does not condemn it.
void leave_open(Check& check, const std::string& why) {
  static constexpr std::string_view kCanBeOthers[] = {"throttled", "pcie-degraded", "slow", "slower-than-peers",
                                                      "slower-than-before"};
  const auto* end = std::end(kCanBeOthers);
  if (why.empty() || check.verdict != Verdict::fail || std::find(std::begin(kCanBeOthers), end, check.cause) == end) {
    return;
  }
  check.verdict = Verdict::inconclusive;
  check.cause = why;
  check.reason +=
      why == "sharing-unknown" ? "; whether others use the GPU could not be read" : "; the GPU is not ours alone";
}

void append(std::vector<Check>& to, std::vector<Check> from) {
  for (auto& check : from) to.push_back(std::move(check));
}

}  // namespace

Report judge(const Evidence& evidence, const Policy& policy) {
  Report report;
  report.policy = policy;
  report.evidence = evidence;
  report.checks = judge_node(evidence, policy);
  report.gpus = pair_gpus(evidence);
  for (auto& gpu : report.gpus) {
    const Subject subject{evidence, policy, gpu.cuda ? &*gpu.cuda : nullptr, gpu.nvml ? &*gpu.nvml : nullptr};
    append(gpu.checks, judge_health(subject));
    append(gpu.checks, judge_load(subject));
    for (auto& check : gpu.checks) mark_unavailable(check, subject);
    append(gpu.checks, judge_correctness(subject));
    append(gpu.checks, judge_speed(subject));
    const std::string why = sharing(subject);
    for (auto& check : gpu.checks) {
      leave_open(check, why);
      apply_strict(check, policy);
    }
  }
  for (auto& check : report.checks) apply_strict(check, policy);
  summarise(report);
  return report;
}

}  // namespace gpu_smoke
