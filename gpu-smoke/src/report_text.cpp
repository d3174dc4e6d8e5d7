#include <algorithm>
#include <string>

#include "metrics.h"
#include "report.h"
#include "verdict_codes.h"

namespace gpu_smoke {
namespace {

struct Hint {
  const char* cause;
  const char* text;
};

constexpr Hint kHints[] = {
    {"no-driver", "install the NVIDIA driver, or give the container the driver (CUDA and NVML libraries)"},
    {"no-gpu", "give the container a GPU; in Kubernetes: limits: {nvidia.com/gpu: 1}"},
    {"nvml-absent", "containers need NVIDIA_DRIVER_CAPABILITIES=compute,utility"},
    {"driver-mismatch", "the driver was updated under running processes: reboot, or reload its modules"},
    {"driver-too-old", "update the driver, or build gpu-smoke with an older CUDA toolkit"},
    {"no-permission", "run where the device files /dev/nvidia* may be opened"},
    {"gpu-busy", "stop what uses the GPU, or set its compute mode to default"},
    {"fabric-not-ready", "start nvidia-fabricmanager, then try again"},
    {"out-of-memory", "stop what uses the GPU's memory"},
    {"not-built-for-gpu", "build gpu-smoke with a toolkit that knows this GPU"},
    {"host-only-build", "build gpu-smoke with the CUDA toolkit: gpu-smoke/build.sh"},
    {"timeout", "a GPU that does not answer is often lost: look for Xid lines in the kernel log"},
    {"hot", "let it cool down, then run again"},
    {"throttled", "check cooling and power supply, then run again"},
    {"reference-error", "the host computed a wrong product: test its CPU and memory"},
    {"wrong-result", "take the GPU out of service: it computes wrongly"},
    {"gpu-fault", "take the GPU out of service and look for Xid lines in the kernel log"},
    {"gpu-lost", "take the node out of service and reboot it"},
    {"row-remap-failure", "take the GPU out of service: its memory cannot be repaired any more"},
    {"row-remap-exhausted", "take the GPU out of service: too much of its memory has been repaired"},
    {"retired-pages-exhausted", "take the GPU out of service: too much of its memory has been retired"},
    {"ecc-uncorrected", "drain the GPU, reset it, and run again; replace it when that does not help"},
    {"recovery-action", "drain the GPU and do what the driver asks for"},
    {"remap-pending", "drain the GPU, then `nvidia-smi --gpu-reset`"},
    {"model-mismatch", "check which node this is, or --expect-model"},
    {"memory-fault", "take the GPU out of service: its memory does not keep what is written to it"},
    {"sram-threshold", "take the GPU out of service: too many errors in its on-chip memory"},
    {"inforom-corrupt", "take the GPU out of service: its settings cannot be trusted"},
    {"xid", "drain the GPU and look the Xid up in NVIDIA's catalogue; 79 needs a restart of the machine"},
    {"pcie-degraded", "reseat the GPU, and check slot, riser and firmware"},
    {"slow",
     "check clocks, power limit and cooling; sustainedShareOfPeakAtItsClock tells slow clocks from a slow chip"},
    {"slower-than-peers", "compare its clocks, power and temperature with the best GPU's"},
    {"slower-than-before", "compare clocks, power and driver version with the earlier runs"},
    {"mig", "run it on the whole GPU to judge its speed; with --quick only what MIG allows is asked"},
    {"shared", "stop what uses the GPU, then run again"},
    {"sharing-unknown", "let it read the GPU's processes and MIG mode, then run again"},
    {"reset-required", "drain the GPU, then `nvidia-smi --gpu-reset`"},
};

std::string pad(std::string cell, std::size_t width) {
  if (cell.size() < width) cell.append(width - cell.size(), ' ');
  return cell;
}

// Cells in columns, the last one as wide as it is.
std::string align(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) text += pad(row[i], widths[i] + 2);
    text += row.back() + "\n";
  }
  return text;
}

std::string verdict_of(const GpuReport& gpu) {
  const Check* worst = nullptr;
  for (const auto& check : gpu.checks) {
    if (rank(check.verdict) > (worst == nullptr ? 0 : rank(worst->verdict))) worst = &check;
  }
  return worst == nullptr ? "pass" : std::string(to_string(worst->verdict)) + ": " + worst->cause;
}

std::string measured(const GpuReport& gpu, MetricKind kind, DataType type) {
  if (!gpu.cuda) return "-";
  for (const auto& metric : metrics_of(*gpu.cuda)) {
    if (metric.kind == kind && metric.type == type) return short_number(metric.value) + " " + metric.unit;
  }
  return "-";
}

// The node at a glance, one line per GPU.
std::string table_of(const Report& report) {
  std::vector<std::vector<std::string>> rows = {{"GPU", "NAME", "VERDICT", "TEMP", "POWER", "COPY", "BF16"}};
  for (std::size_t i = 0; i < report.gpus.size(); ++i) {
    const GpuReport& gpu = report.gpus[i];
    const bool sampled = gpu.nvml && gpu.nvml->sustained_samples.count > 0;
    const Samples samples = sampled ? gpu.nvml->sustained_samples : Samples{};
    rows.push_back({std::to_string(i), gpu.cuda ? gpu.cuda->name : gpu.nvml->name, verdict_of(gpu),
                    sampled ? short_number(samples.temperature_celsius.high) + " C" : "-",
                    sampled ? short_number(samples.power_watts.mean) + " W" : "-",
                    measured(gpu, MetricKind::copy, DataType::int8), measured(gpu, MetricKind::gemm, DataType::bf16)});
  }
  return align(rows);
}

void add_checks(std::string& text, const std::vector<Check>& checks) {
  for (const auto& check : checks) {
    text += "  " + pad(check.name, 16) + pad(to_string(check.verdict), 14) + check.reason + "\n";
    for (const auto& warning : check.warnings) text += "  " + pad("", 16) + pad("warning", 14) + warning + "\n";
  }
}

std::string describe(const GpuReport& gpu, std::size_t index) {
  std::string text = "GPU " + std::to_string(index);
  auto add = [&text](const std::string& part) {
    if (!part.empty()) text += "  " + part;
  };
  add(gpu.nvml && !gpu.nvml->name.empty() ? gpu.nvml->name : gpu.cuda ? gpu.cuda->name : "unknown");
  if (gpu.nvml) add(gpu.nvml->uuid);
  add(gpu.cuda ? gpu.cuda->pci_bus_id : gpu.nvml->pci_bus_id);
  return text + "\n";
}

}  // namespace

const char* to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass:
      return "pass";
    case Verdict::fail:
      return "fail";
    case Verdict::inconclusive:
      return "inconclusive";
    case Verdict::skipped:
      return "skipped";
    case Verdict::error:
      break;
  }
  return "error";
}

const char* to_string(Level level) {
  switch (level) {
    case Level::quick:
      return "quick";
    case Level::standard:
      return "standard";
    case Level::burn_in:
      break;
  }
  return "long";
}

bool parse_level(const std::string& text, Level& level) {
  for (const Level known : {Level::quick, Level::standard, Level::burn_in}) {
    if (text != to_string(known)) continue;
    level = known;
    return true;
  }
  level = Level::standard;
  return text.empty();
}

int rank(Verdict verdict) {
  switch (verdict) {
    case Verdict::fail:
      return 3;
    case Verdict::error:
      return 2;
    case Verdict::inconclusive:
      return 1;
    case Verdict::pass:
    case Verdict::skipped:
      break;
  }
  return 0;
}

int exit_code(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass:
      return 0;
    case Verdict::fail:
      return 1;
    case Verdict::inconclusive:
      return 5;
    case Verdict::skipped:
    case Verdict::error:
      break;
  }
  return 3;
}

std::string hint_for(const std::string& cause) {
  for (const auto& hint : kHints) {
    if (cause == hint.cause) return hint.text;
  }
  return {};
}

std::string render_text(const Report& report, const Run& run) {
  std::string text = std::string(to_string(report.verdict)) + "  " + report.reason + "\n";
  text += run.host + "  " + run.started_at + "  " + std::to_string(run.duration_ms) + " ms  level " +
          to_string(report.evidence.level) + "\n";
  if (!run.replayed_from.empty()) text += "replayed from " + run.replayed_from + ": says nothing about this machine\n";
  if (report.gpus.size() > 1) text += "\n" + table_of(report);
  text += "\nnode\n";
  add_checks(text, report.checks);
  for (std::size_t i = 0; i < report.gpus.size(); ++i) {
    text += "\n" + describe(report.gpus[i], i);
    add_checks(text, report.gpus[i].checks);
  }
  const std::string hint = hint_for(report.cause);
  if (!hint.empty()) text += "\nhint: " + hint + "\n";
  return text;
}

}  // namespace gpu_smoke
