#include "verdict.h"

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
  if (subject.nvml == nullptr) return "";
  const Health& before = subject.nvml->before;
  if (before.mig_enabled.ok() && before.mig_enabled.value) return "mig";
  return before.compute_processes.ok() && before.compute_processes.value > 0 ? "shared" : "";
}

namespace {

// Under MIG the driver has counters for the whole GPU, and often gives none to one part of it.
void mark_unavailable(Check& check, const Subject& subject) {
  if (check.cause == "not-supported" && sharing(subject) == "mig") check.cause = "unavailable";
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
    for (auto& check : gpu.checks) apply_strict(check, policy);
  }
  for (auto& check : report.checks) apply_strict(check, policy);
  summarise(report);
  return report;
}

}  // namespace gpu_smoke
