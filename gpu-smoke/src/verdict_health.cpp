#include <algorithm>

#include "kernel_log.h"
#include "verdict.h"
#include "verdict_codes.h"

namespace gpu_smoke {
namespace {

constexpr unsigned kMaxUncorrectableRemaps = 512;
constexpr unsigned kMaxRetiredPages = 63;

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

// GPUs before Ampere retire pages, later ones remap rows: what the other kind does is no gap.
bool other_kind(int code, int other_code) {
  return code == nvml::kNotSupported && other_code == nvml::kSuccess;
}

Check judge_rows(const Evidence& evidence, const NvmlGpu& gpu, const Policy& policy) {
  const auto& after = gpu.after.remapped_rows;
  if (other_kind(after.code, gpu.after.retired_pages.code)) {
    return pass("row-remap", "none to remap: this GPU retires pages");
  }
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
  if (other_kind(after.code, gpu.after.remapped_rows.code)) {
    return pass("retired-pages", "none to retire: this GPU remaps rows");
  }
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
    // What drivers from before this field may say of its number.
    if (code == nvml::kInvalidArgument) {
      return skipped("recovery-action", "not-supported", "this driver does not know the recovery action (NVML 2)");
    }
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
  const auto& corrected = gpu.after.ecc_corrected;
  if (corrected.ok() && corrected.value > 0) {
    check.reason += ", " + std::to_string(corrected.value) + " corrected since the driver was loaded";
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

Check judge_sram(const Evidence& evidence, const NvmlGpu& gpu) {
  const auto& after = gpu.after.sram_threshold_exceeded;
  if (!after.ok()) {
    // Only root may ask, and not asking is what an unprivileged run is for: said, not held against the GPU.
    if (after.code == nvml::kNoPermission) return skipped("sram", "no-permission", "only root may read SRAM errors");
    return from_nvml_code(evidence, "sram", after.code, "SRAM errors");
  }
  if (after.value) return fail("sram", "sram-threshold", "the SRAM has had more errors than its threshold");
  return pass("sram", "errors below the threshold");
}

Check judge_inforom(const Evidence& evidence, const NvmlGpu& gpu) {
  const auto& valid = gpu.facts.inforom_valid;
  if (!valid.ok()) return from_nvml_code(evidence, "inforom", valid.code, "inforom");
  if (!valid.value) return fail("inforom", "inforom-corrupt", "the inforom's checksum is wrong");
  return pass("inforom", "its checksum is right");
}

// One line per code and when: "79 during the test".
void sort_xid(const Xid& xid, std::string& faults, Check& check) {
  const XidClass kind = classify_xid(xid.code);
  if (kind == XidClass::ignore) return;
  const std::string text = std::to_string(xid.code) + (xid.during_test ? " during the test" : " earlier");
  const bool lasting = kind == XidClass::reset || kind == XidClass::restart || kind == XidClass::fatal;
  // A driver that was loaded again has reset the GPU; only a restart of the machine heals the rest.
  const bool healed = xid.before_reload && kind != XidClass::restart;
  if (xid.during_test || (lasting && !healed)) {
    if (faults.find(text) == std::string::npos) faults += (faults.empty() ? "" : ", ") + text;
  } else if (check.warnings.size() < 8) {
    check.warnings.push_back("Xid " + text + (xid.before_reload ? ", before the driver was loaded again" : ""));
  }
}

Check judge_xids(const Evidence& evidence, const NvmlGpu& gpu) {
  const KernelLog& log = evidence.kernel_log;
  if (!log.readable) return skipped("xid", "not-observed", "the kernel log is not observed: " + log.error);
  Check check = pass("xid", "the kernel log names no fault of this GPU since it began");
  std::string faults;
  for (const auto& xid : log.xids) {
    if (xid.pci_bus_id == gpu.pci_bus_id) sort_xid(xid, faults, check);
  }
  if (faults.empty()) return check;
  Check failed = fail("xid", "xid", "the kernel log has Xid " + faults);
  failed.warnings = check.warnings;
  return failed;
}

std::vector<Check> unread_health(const Subject& subject) {
  const Evidence& evidence = subject.evidence;
  std::vector<Check> checks;
  for (const char* name : {"row-remap", "retired-pages", "recovery-action", "ecc", "temperature", "clocks"}) {
    if (!evidence.nvml.load_error.empty()) {
      checks.push_back({name, Verdict::error, "nvml-absent", "NVML is not there", {}});
    } else if (evidence.nvml.init_code != nvml::kSuccess) {
      checks.push_back(from_nvml_code(evidence, name, evidence.nvml.init_code, "nvmlInit"));
    } else if (subject.nvml != nullptr) {
      checks.push_back(from_nvml_code(evidence, name, subject.nvml->handle_code, "device handle"));
    } else {
      checks.push_back({name, Verdict::error, "nvml-error", "NVML does not list this GPU", {}});
    }
  }
  return checks;
}

}  // namespace

std::vector<Check> judge_health(const Subject& subject) {
  if (subject.nvml == nullptr || subject.nvml->handle_code != nvml::kSuccess) return unread_health(subject);
  const Evidence& evidence = subject.evidence;
  const NvmlGpu& gpu = *subject.nvml;
  std::vector<Check> checks = {judge_rows(evidence, gpu, subject.policy),
                               judge_pages(evidence, gpu, subject.policy),
                               judge_recovery(evidence, gpu),
                               judge_ecc(evidence, gpu),
                               judge_sram(evidence, gpu),
                               judge_temperature(evidence, gpu),
                               judge_xids(evidence, gpu)};
  if (evidence.level != Level::quick) checks.push_back(judge_inforom(evidence, gpu));
  return checks;
}

}  // namespace gpu_smoke
