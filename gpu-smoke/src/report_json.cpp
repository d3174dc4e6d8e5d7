#include "archive.h"
#include "reference.h"
#include "report.h"
#include "verdict_codes.h"

#ifndef GPU_SMOKE_VERSION
#error "GPU_SMOKE_VERSION is defined by CMakeLists.txt"
#endif

namespace gpu_smoke {
namespace {

void text_or_null(JsonWriter& json, const char* key, const std::string& text) {
  json.key(key);
  if (text.empty()) {
    json.null();
  } else {
    json.value(text);
  }
}

void write_checks(JsonWriter& json, const std::vector<Check>& checks) {
  json.key("checks").open('[');
  for (const auto& check : checks) {
    json.open('{').key("name").value(check.name).key("verdict").value(to_string(check.verdict));
    text_or_null(json, "cause", check.cause);
    json.key("reason").value(check.reason).key("warnings").open('[');
    for (const auto& warning : check.warnings) json.value(warning);
    json.close(']').close('}');
  }
  json.close(']');
}

template <class T>
void write_object(JsonWriter& json, const char* key, const T& value) {
  json.key(key);
  JsonSaver(json).object(value);
}

// Tells slow clocks from a slow chip: what was reached, of the peak at the clock that was held meanwhile.
std::optional<double> clock_normalised_efficiency(const GpuReport& gpu) {
  if (!gpu.nvml || gpu.nvml->sustained_samples.count == 0) return std::nullopt;
  const double peak = formula_fp16_tflops(gpu.cuda->major, gpu.cuda->minor, gpu.cuda->sm_count,
                                          static_cast<int>(gpu.nvml->sustained_samples.sm_mhz.mean));
  if (peak <= 0 || gpu.cuda->sustained.tflops <= 0) return std::nullopt;
  return gpu.cuda->sustained.tflops / peak;
}

void write_gpu(JsonWriter& json, const GpuReport& gpu, int index) {
  json.open('{').key("index").value(index);
  text_or_null(json, "name", gpu.nvml && !gpu.nvml->name.empty() ? gpu.nvml->name : gpu.cuda ? gpu.cuda->name : "");
  text_or_null(json, "uuid", gpu.nvml ? gpu.nvml->uuid : "");
  text_or_null(json, "pciBusId", gpu.cuda ? gpu.cuda->pci_bus_id : gpu.nvml->pci_bus_id);
  json.key("computeCapability");
  gpu.cuda ? json.value(std::to_string(gpu.cuda->major) + "." + std::to_string(gpu.cuda->minor)) : json.null();
  json.key("smCount");
  gpu.cuda ? json.value(gpu.cuda->sm_count) : json.null();
  json.key("memoryTotalBytes");
  gpu.cuda ? json.value(gpu.cuda->memory_bytes) : json.null();
  write_checks(json, gpu.checks);
  JsonSaver saver(json);
  if (gpu.nvml) {
    write_object(json, "healthBefore", gpu.nvml->before);
    write_object(json, "healthAfter", gpu.nvml->after);
    nvml_fields(saver, *gpu.nvml);
  } else {
    json.key("healthBefore").null().key("healthAfter").null();
  }
  if (gpu.cuda) {
    write_object(json, "gemm", gpu.cuda->gemm);
    cuda_fields(saver, *gpu.cuda);
    const auto efficiency = clock_normalised_efficiency(gpu);
    saver.when(efficiency.has_value(), "sustainedShareOfPeakAtItsClock", efficiency.value_or(0));
  } else {
    json.key("gemm").null();
  }
  json.close('}');
}

void write_driver(JsonWriter& json, const Evidence& evidence) {
  json.key("driver").open('{');
  text_or_null(json, "driverVersion", evidence.nvml.driver_version);
  text_or_null(json, "nvmlVersion", evidence.nvml.nvml_version);
  const int driver = evidence.cuda.driver_version;
  text_or_null(json, "cudaDriverVersion", driver > 0 ? cuda_version(driver) : "");
  const int runtime = evidence.cuda.runtime_version;
  text_or_null(json, "cudaRuntimeVersion", runtime > 0 ? cuda_version(runtime) : "");
  json.close('}');
}

}  // namespace

std::string render_json(const Report& report, const Run& run) {
  const Evidence& evidence = report.evidence;
  JsonWriter json;
  json.open('{').key("schemaVersion").value(1);
  json.key("tool").open('{').key("name").value("gpu-smoke").key("version").value(GPU_SMOKE_VERSION);
  json.key("build").value(evidence.cuda.built ? "cuda" : "host-only").close('}');
  json.key("host").value(run.host).key("startedAt").value(run.started_at);
  json.key("durationMilliseconds").value(static_cast<std::int64_t>(run.duration_ms));
  json.key("verdict").value(to_string(report.verdict)).key("exitCode").value(exit_code(report.verdict));
  text_or_null(json, "cause", report.cause);
  json.key("reason").value(report.reason);
  text_or_null(json, "hint", hint_for(report.cause));
  json.key("strict").value(report.policy.strict).key("expectedGpuCount");
  report.policy.expect_gpus ? json.value(*report.policy.expect_gpus) : json.null();
  json.key("timeoutSeconds").value(evidence.timeout_s);
  write_driver(json, evidence);
  json.key("cudaGpuCount");
  evidence.cuda.code == cuda::kSuccess ? json.value(static_cast<std::uint64_t>(evidence.cuda.gpus.size()))
                                       : json.null();
  json.key("nvmlGpuCount");
  evidence.nvml.count_code == nvml::kSuccess ? json.value(static_cast<std::uint64_t>(evidence.nvml.gpus.size()))
                                             : json.null();
  write_checks(json, report.checks);
  json.key("gpus").open('[');
  int index = 0;
  for (const auto& gpu : report.gpus) write_gpu(json, gpu, index++);
  json.close(']');
  json.key("level").value(to_string(evidence.level));
  text_or_null(json, "expectedModel", report.policy.expect_model);
  text_or_null(json, "replayedFrom", run.replayed_from);
  json.key("status").open('{');
  JsonSaver saver(json);
  status_fields(saver, evidence);
  json.close('}');
  saver("kernelLog", evidence.kernel_log);
  saver("peers", evidence.cuda.peers);
  saver("history", evidence.history);
  json.close('}');
  return json.text() + "\n";
}

}  // namespace gpu_smoke
