#include "json_writer.h"
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

template <class T>
void reading(JsonWriter& json, const std::string& key, const Reading<T>& reading) {
  json.key(key);
  if (reading.ok()) {
    json.value(reading.value);
  } else {
    json.null();
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

void write_health(JsonWriter& json, const char* key, const Health& health) {
  json.key(key).open('{');
  reading(json, "migEnabled", health.mig_enabled);
  reading(json, "eccEnabled", health.ecc_enabled);
  reading(json, "eccUncorrectedVolatileCount", health.ecc_uncorrected);
  const auto& rows = health.remapped_rows;
  reading(json, "remappedRowsCorrectableCount", Reading<unsigned>{rows.code, rows.value.correctable});
  reading(json, "remappedRowsUncorrectableCount", Reading<unsigned>{rows.code, rows.value.uncorrectable});
  reading(json, "rowRemapPending", Reading<bool>{rows.code, rows.value.pending});
  reading(json, "rowRemapFailure", Reading<bool>{rows.code, rows.value.failure});
  const auto& pages = health.retired_pages;
  reading(json, "retiredPagesMultipleSingleBitCount", Reading<unsigned>{pages.code, pages.value.multiple_single_bit});
  reading(json, "retiredPagesDoubleBitCount", Reading<unsigned>{pages.code, pages.value.double_bit});
  reading(json, "pageRetirementPending", Reading<bool>{pages.code, pages.value.pending});
  reading(json, "recoveryActionCode", health.recovery_action);
  reading(json, "temperatureCelsius", health.temperature_celsius);
  reading(json, "slowdownTemperatureCelsius", health.slowdown_celsius);
  reading(json, "shutdownTemperatureCelsius", health.shutdown_celsius);
  reading(json, "clocksEventReasonsBitmask", health.clocks_event_reasons);
  json.close('}');
}

void write_gemm(JsonWriter& json, const Evidence& evidence, const GemmRun& run) {
  json.key("gemm").open('{');
  json.key("inputType").value("int8").key("outputType").value("int32");
  json.key("rowsCount").value(evidence.gemm_m).key("columnsCount").value(evidence.gemm_n);
  json.key("depthCount").value(evidence.gemm_k).key("seedNumber").value(evidence.gemm_seed);
  json.key("cudaErrorCode").value(run.code);
  const bool ran = run.code == cuda::kSuccess;
  json.key("mismatchesCount");
  ran ? json.value(run.mismatches) : json.null();
  json.key("kernelMilliseconds");
  ran ? json.value(run.kernel_ms) : json.null();
  json.close('}');
}

void write_gpu(JsonWriter& json, const Evidence& evidence, const GpuReport& gpu, int index) {
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
  if (gpu.nvml) {
    write_health(json, "healthBefore", gpu.nvml->before);
    write_health(json, "healthAfter", gpu.nvml->after);
  } else {
    json.key("healthBefore").null().key("healthAfter").null();
  }
  if (gpu.cuda) {
    write_gemm(json, evidence, gpu.cuda->gemm);
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
  for (const auto& gpu : report.gpus) write_gpu(json, evidence, gpu, index++);
  json.close(']').close('}');
  return json.text() + "\n";
}

}  // namespace gpu_smoke
