#include "verdict.h"

#include <algorithm>

#include "verdict_codes.h"

namespace gpu_smoke {
namespace {

constexpr unsigned kMaxUncorrectableRemaps = 512;
constexpr unsigned kMaxRetiredPages = 63;

template <class T>
int first_bad_code(const Reading<T>& before, const Reading<T>& after) {
  return before.ok() ? after.code : before.code;
}

Check pass(const char* name, std::string reason) {
  return {name, Verdict::pass, "", std::move(reason), {}};
}
Check fail(const char* name, const char* cause, std::string reason) {
  return {name, Verdict::fail, cause, std::move(reason), {}};
}

// Peers disagree about a pending remap: the bad row is out of use, the spare comes with the next reset.
void add_pending(Check& check, bool pending, const char* what, const Policy& policy) {
  if (!pending) return;
  const std::string text = std::string(what) + " is pending: reset the GPU when it can be drained";
  if (policy.strict && check.verdict == Verdict::pass) {
    check.verdict = Verdict::fail;
    check.cause = "remap-pending";
    check.reason = text;
  } else {
    check.warnings.push_back(text);
  }
}

Check judge_rows(const Evidence& evidence, const NvmlGpu& gpu, const Policy& policy) {
  const auto& after = gpu.after.remapped_rows;
  if (const int code = first_bad_code(gpu.before.remapped_rows, after); code != nvml::kSuccess) {
    return from_nvml_code(evidence, "row-remap", code, "remapped rows");
  }
  const std::string rows = std::to_string(after.value.uncorrectable);
  if (after.value.failure) return fail("row-remap", "row-remap-failure", "a row remap has failed");
  if (after.value.uncorrectable >= kMaxUncorrectableRemaps) {
    return fail("row-remap", "row-remap-exhausted", rows + " rows remapped for uncorrectable errors");
  }
  if (after.value.uncorrectable > gpu.before.remapped_rows.value.uncorrectable) {
    return fail("row-remap", "ecc-uncorrected", "rows were remapped for uncorrectable errors during the test");
  }
  Check check = pass("row-remap", "no failed remap, " + rows + " rows remapped for uncorrectable errors");
  add_pending(check, after.value.pending, "a row remap", policy);
  return check;
}

Check judge_pages(const Evidence& evidence, const NvmlGpu& gpu, const Policy& policy) {
  const auto& after = gpu.after.retired_pages;
  if (const int code = first_bad_code(gpu.before.retired_pages, after); code != nvml::kSuccess) {
    return from_nvml_code(evidence, "retired-pages", code, "retired pages");
  }
  const unsigned total = after.value.multiple_single_bit + after.value.double_bit;
  const std::string text = std::to_string(total) + " pages retired";
  if (total >= kMaxRetiredPages) return fail("retired-pages", "retired-pages-exhausted", text);
  if (after.value.double_bit > gpu.before.retired_pages.value.double_bit) {
    return fail("retired-pages", "ecc-uncorrected", "a page was retired for a double-bit error during the test");
  }
  Check check = pass("retired-pages", text);
  add_pending(check, after.value.pending, "a page retirement", policy);
  return check;
}

Check judge_recovery(const Evidence& evidence, const NvmlGpu& gpu) {
  const auto& before = gpu.before.recovery_action;
  const auto& after = gpu.after.recovery_action;
  if (const int code = first_bad_code(before, after); code != nvml::kSuccess) {
    return from_nvml_code(evidence, "recovery-action", code, "recovery action");
  }
  const unsigned action = after.value != 0 ? after.value : before.value;
  if (action == 0) return pass("recovery-action", "the driver asks for none");
  static constexpr const char* kActions[] = {"none",      "GPU reset",       "node reboot",
                                             "drain P2P", "drain and reset", "recover the IMEX domain",
                                             "bus reset", "system reboot"};
  const std::string text = action < std::size(kActions) ? kActions[action] : "unknown action";
  return fail("recovery-action", "recovery-action",
              "the driver asks for: " + text + " (" + std::to_string(action) + ")");
}

Check judge_ecc(const Evidence& evidence, const NvmlGpu& gpu) {
  const auto& enabled = gpu.before.ecc_enabled;
  if (!enabled.ok()) return from_nvml_code(evidence, "ecc", enabled.code, "ECC mode");
  if (!enabled.value) return {"ecc", Verdict::skipped, "ecc-off", "ECC is switched off", {}};
  const auto& before = gpu.before.ecc_uncorrected;
  const auto& after = gpu.after.ecc_uncorrected;
  if (const int code = first_bad_code(before, after); code != nvml::kSuccess) {
    return from_nvml_code(evidence, "ecc", code, "uncorrectable ECC errors");
  }
  if (after.value != before.value) {
    return fail("ecc", "ecc-uncorrected",
                "uncorrectable errors went from " + std::to_string(before.value) + " to " +
                    std::to_string(after.value) + " during the test");
  }
  Check check = pass("ecc", "no uncorrectable error during the test");
  if (after.value > 0) {
    check.warnings.push_back(std::to_string(after.value) + " uncorrectable errors since the driver was loaded");
  }
  return check;
}

Check judge_temperature(const Evidence& evidence, const NvmlGpu& gpu) {
  const auto& before = gpu.before.temperature_celsius;
  const auto& after = gpu.after.temperature_celsius;
  if (const int code = first_bad_code(before, after); code != nvml::kSuccess) {
    return from_nvml_code(evidence, "temperature", code, "temperature");
  }
  const unsigned celsius = std::max(before.value, after.value);
  const std::string text = std::to_string(celsius) + " C";
  const auto& shutdown = gpu.before.shutdown_celsius;
  const auto& slowdown = gpu.before.slowdown_celsius;
  if (shutdown.ok() && celsius >= shutdown.value) {
    return fail("temperature", "too-hot", text + ", shuts down at " + std::to_string(shutdown.value) + " C");
  }
  if (!slowdown.ok()) return from_nvml_code(evidence, "temperature", slowdown.code, text + ", slowdown threshold");
  const std::string limit = text + ", slows down at " + std::to_string(slowdown.value) + " C";
  if (celsius >= slowdown.value) return {"temperature", Verdict::inconclusive, "hot", limit, {}};
  return pass("temperature", limit);
}

Check judge_clocks(const Evidence& evidence, const NvmlGpu& gpu) {
  const auto& before = gpu.before.clocks_event_reasons;
  const auto& after = gpu.after.clocks_event_reasons;
  if (const int code = first_bad_code(before, after); code != nvml::kSuccess) {
    return from_nvml_code(evidence, "clocks", code, "clocks event reasons");
  }
  constexpr std::uint64_t bad = nvml::kReasonHwThermal | nvml::kReasonHwPowerBrake;
  const std::string text = "the hardware slows the clocks (heat or power brake)";
  // Single samples lie during clock changes, and two are no sustained run: they warn, or leave it open.
  if ((before.value & bad) != 0 && (after.value & bad) != 0) {
    return {"clocks", Verdict::inconclusive, "throttled", text + " in both samples", {}};
  }
  Check check = pass("clocks", "not slowed by heat or power brake in both samples");
  if (((before.value | after.value) & bad) != 0) check.warnings.push_back(text + " in one of two samples");
  return check;
}

std::vector<Check> unread_health(const Evidence& evidence, const NvmlGpu* gpu) {
  std::vector<Check> checks;
  for (const char* name : {"row-remap", "retired-pages", "recovery-action", "ecc", "temperature", "clocks"}) {
    if (!evidence.nvml.load_error.empty()) {
      checks.push_back({name, Verdict::error, "nvml-absent", "NVML is not there", {}});
    } else if (evidence.nvml.init_code != nvml::kSuccess) {
      checks.push_back(from_nvml_code(evidence, name, evidence.nvml.init_code, "nvmlInit"));
    } else if (gpu != nullptr) {
      checks.push_back(from_nvml_code(evidence, name, gpu->handle_code, "device handle"));
    } else {
      checks.push_back({name, Verdict::error, "nvml-error", "NVML does not list this GPU", {}});
    }
  }
  return checks;
}

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
  auto rank = [](Verdict v) { return v == Verdict::fail ? 3 : v == Verdict::error ? 2 : v == Verdict::inconclusive; };
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

std::vector<Check> judge_health(const Evidence& evidence, const NvmlGpu* gpu, const Policy& policy) {
  if (gpu == nullptr || gpu->handle_code != nvml::kSuccess) return unread_health(evidence, gpu);
  return {judge_rows(evidence, *gpu, policy), judge_pages(evidence, *gpu, policy), judge_recovery(evidence, *gpu),
          judge_ecc(evidence, *gpu),          judge_temperature(evidence, *gpu),   judge_clocks(evidence, *gpu)};
}

Check judge_gemm(const Evidence& evidence, const CudaGpu* gpu) {
  constexpr const char* name = "exact-gemm";
  if (gpu == nullptr) {
    const Check node = judge_node(evidence, {})[1];
    if (node.verdict != Verdict::pass) return {name, Verdict::error, node.cause, node.reason, {}};
    return {name, Verdict::error, "cuda-error", "CUDA does not see this GPU", {}};
  }
  if (evidence.reference_computed && !evidence.reference_verified) {
    return {name, Verdict::error, "reference-error", "the CPU's own reference did not verify: suspect the host", {}};
  }
  const GemmRun& run = gpu->gemm;
  if (run.code != cuda::kSuccess) return from_cuda_code(evidence, name, run.code, run.step.empty() ? name : run.step);
  const std::string size =
      std::to_string(evidence.gemm_m) + "x" + std::to_string(evidence.gemm_n) + "x" + std::to_string(evidence.gemm_k);
  if (run.mismatches == 0) return pass(name, "int8 to int32, " + size + ", every element right");
  return fail(name, "wrong-result",
              std::to_string(run.mismatches) + " elements of " + size + " wrong; first at row " +
                  std::to_string(run.first_row) + ", column " + std::to_string(run.first_column) + ": expected " +
                  std::to_string(run.expected) + ", got " + std::to_string(run.actual));
}

Report judge(const Evidence& evidence, const Policy& policy) {
  Report report;
  report.policy = policy;
  report.evidence = evidence;
  report.checks = judge_node(evidence, policy);
  report.gpus = pair_gpus(evidence);
  for (auto& gpu : report.gpus) {
    gpu.checks = judge_health(evidence, gpu.nvml ? &*gpu.nvml : nullptr, policy);
    gpu.checks.push_back(judge_gemm(evidence, gpu.cuda ? &*gpu.cuda : nullptr));
    for (auto& check : gpu.checks) apply_strict(check, policy);
  }
  summarise(report);
  return report;
}

}  // namespace gpu_smoke
