// What NVML saw while the GPU worked: clocks, power and the PCIe link.
#include <algorithm>

#include "verdict.h"
#include "verdict_codes.h"

namespace gpu_smoke {
namespace {

constexpr std::uint64_t kHeatOrBrake = nvml::kReasonHwThermal | nvml::kReasonHwPowerBrake;
constexpr double kMaxThrottledShare = 0.05;  // of the sustained window

// The larger of what the samples and the driver's own counters say.
double throttled_share(const Samples& samples) {
  double share = static_cast<double>(samples.hw_thermal_count + samples.power_brake_count) / samples.count;
  const double window = static_cast<double>(samples.window_ns);
  double counted = 0;
  if (samples.hw_thermal_ns.ok()) counted += static_cast<double>(samples.hw_thermal_ns.value);
  if (samples.power_brake_ns.ok()) counted += static_cast<double>(samples.power_brake_ns.value);
  if (window > 0) share = std::max(share, counted / window);
  return std::min(share, 1.0);
}

std::string share_text(const Samples& samples) {
  return short_number(100 * throttled_share(samples)) + " % of the sustained load, " + std::to_string(samples.count) +
         " samples, " + short_number(samples.sm_mhz.mean) + " MHz on average";
}

// No sample was taken: no load was begun, or NVML or the time did not allow it.
Check not_sampled(const Evidence& evidence, const char* name, const char* what) {
  if (evidence.reference_computed && !evidence.reference_verified) {
    return could_not(name, "reference-error", "no load was begun: the CPU's own reference did not verify");
  }
  return from_nvml_code(evidence, name, nvml::kNotAsked, what);
}

Check judge_clocks(const Evidence& evidence, const NvmlGpu& gpu) {
  const auto& before = gpu.before.clocks_event_reasons;
  const auto& after = gpu.after.clocks_event_reasons;
  if (const int code = first_bad_code(before, after); code != nvml::kSuccess) {
    return from_nvml_code(evidence, "clocks", code, "clocks event reasons");
  }
  const std::string text = "the hardware slows the clocks (heat or power brake)";
  const Samples& samples = gpu.sustained_samples;
  if (evidence.level != Level::quick) {
    if (samples.count == 0) return not_sampled(evidence, "clocks", "clocks under load");
    const std::string share = share_text(samples);
    if (throttled_share(samples) > kMaxThrottledShare) return fail("clocks", "throttled", text + " during " + share);
    Check check = pass("clocks", "slowed by heat or power brake during " + share);
    if (throttled_share(samples) > 0) check.warnings.push_back(text + " at times");
    return check;
  }
  // Single samples lie during clock changes, and two are no sustained run: they warn, or leave it open.
  if ((before.value & kHeatOrBrake) != 0 && (after.value & kHeatOrBrake) != 0) {
    return inconclusive("clocks", "throttled", text + " in both samples");
  }
  Check check = pass("clocks", "not slowed by heat or power brake in both samples");
  if (((before.value | after.value) & kHeatOrBrake) != 0) check.warnings.push_back(text + " in one of two samples");
  return check;
}

Check judge_power(const Evidence& evidence, const NvmlGpu& gpu) {
  const auto& limit = gpu.facts.power_limit_mw;
  if (!limit.ok()) return from_nvml_code(evidence, "power", limit.code, "power limit");
  if (!gpu.before.power_mw.ok()) return from_nvml_code(evidence, "power", gpu.before.power_mw.code, "power");
  const std::string watts = short_number(limit.value * 1e-3) + " W";
  std::string text = "limit " + watts;
  const Samples& samples = gpu.sustained_samples;
  if (samples.count > 0) {
    text = short_number(samples.power_watts.mean) + " W on average under load, " + text + ", capped in " +
           std::to_string(samples.power_cap_count) + " of " + std::to_string(samples.count) + " samples";
  }
  Check check = pass("power", text);
  const auto& usual = gpu.facts.power_default_limit_mw;
  if (usual.ok() && limit.value < usual.value) {
    check.warnings.push_back("the limit was lowered from " + short_number(usual.value * 1e-3) + " W to " + watts);
  }
  return check;
}

// A link at rest runs slower to save power: only what was seen during transfers counts.
Check judge_link(const Subject& subject) {
  const Evidence& evidence = subject.evidence;
  const NvmlGpu& gpu = *subject.nvml;
  const Samples& samples = gpu.transfer_samples;
  if (samples.count == 0) return not_sampled(evidence, "pcie", "PCIe link under load");
  const auto& facts = gpu.facts;
  for (const auto* reading :
       {&facts.pcie_max_generation, &facts.pcie_max_width, &samples.pcie_generation, &samples.pcie_width}) {
    if (!reading->ok()) return from_nvml_code(evidence, "pcie", reading->code, "PCIe link");
  }
  const auto link = [](unsigned generation, unsigned lanes) {
    return "generation " + std::to_string(generation) + " x" + std::to_string(lanes);
  };
  const std::string text = link(samples.pcie_generation.value, samples.pcie_width.value) + " under load, " +
                           link(facts.pcie_max_generation.value, facts.pcie_max_width.value) + " possible";
  Check check = pass("pcie", text);
  if (samples.pcie_generation.value < facts.pcie_max_generation.value ||
      samples.pcie_width.value < facts.pcie_max_width.value) {
    check = fail("pcie", "pcie-degraded", text);
    // Transfers that did not run put no load on it.
    const int code = subject.cuda != nullptr ? subject.cuda->host_to_device.code : cuda::kSuccess;
    if (code != cuda::kSuccess) return from_cuda_code(evidence, "pcie", code, "the transfers that load the link");
  }
  const auto& before = gpu.before.pcie_replays;
  const auto& after = gpu.after.pcie_replays;
  if (before.ok() && after.ok() && after.value > before.value) {
    check.warnings.push_back(std::to_string(after.value - before.value) + " PCIe replays during the test");
  }
  return check;
}

}  // namespace

std::vector<Check> judge_load(const Subject& subject) {
  if (subject.nvml == nullptr || subject.nvml->handle_code != nvml::kSuccess) return {};  // judge_health says why
  std::vector<Check> checks = {judge_clocks(subject.evidence, *subject.nvml)};
  if (subject.evidence.level == Level::quick) return checks;
  checks.push_back(judge_power(subject.evidence, *subject.nvml));
  checks.push_back(judge_link(subject));
  return checks;
}

}  // namespace gpu_smoke
