#include "check.h"
#include "json_writer.h"
#include "tests.h"
#include "verdict.h"

namespace gpu_smoke::test {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void json_is_escaped() {
  JsonWriter json;
  json.open('{').key("a\"b").value("\x1b\\\n\xff").key("n").open('[').value(1).value(2.5).close(']');
  json.key("nan").value(0.0 / 0.0 * 0.0).key("empty").open('[').close(']').close('}');
  CHECK(json.text() ==
        "{\n  \"a\\\"b\": \"\\u001b\\\\\\u000a\\u00ff\",\n  \"n\": [\n    1,\n    2.5\n  ],\n"
        "  \"nan\": null,\n  \"empty\": []\n}");
}

void unread_numbers_are_null() {
  Evidence evidence = healthy();
  evidence.nvml.gpus[0].after.temperature_celsius.code = nvml::kNoPermission;
  evidence.cuda.gpus[0].gemm.code = cuda::kLaunchFailure;
  const std::string json = render_json(judge(evidence, {}), {"2026-01-02T03:04:05Z", "node-1", 12, ""});
  CHECK(contains(json, "\"temperatureCelsius\": 40") && contains(json, "\"temperatureCelsius\": null"));
  CHECK(contains(json, "\"mismatchesCount\": null") && contains(json, "\"kernelMilliseconds\": null"));
  CHECK(contains(json, "\"exitCode\": 1") && contains(json, "\"cause\": \"gpu-fault\""));
}

void text_names_each_check() {
  const Report report = judge(healthy(), {});
  const std::string text = render_text(report, {"2026-01-02T03:04:05Z", "node-1", 12, ""});
  CHECK_IN(text, text.rfind("pass  every check passed on 1 GPU(s)\n", 0) == 0);
  for (const char* name : {"nvml", "cuda", "gpu-count", "row-remap", "recovery-action", "ecc", "exact-gemm"}) {
    CHECK_IN(name, contains(text, name));
  }
  CHECK(!contains(text, "hint:"));
}

void exit_codes_are_the_documented_ones() {
  CHECK(exit_code(Verdict::pass) == 0 && exit_code(Verdict::fail) == 1 && exit_code(Verdict::error) == 3);
  CHECK(exit_code(Verdict::inconclusive) == 5 && exit_code(Verdict::skipped) == 3);
}

}  // namespace

int print_healthy_trace(int gpus) {
  Evidence evidence = healthy();
  for (int i = 1; i < gpus; ++i) add_gpu(evidence);
  std::fputs(render_json(judge(evidence, {}), {"2026-01-02T03:04:05Z", "node-1", 12, ""}).c_str(), stdout);
  return 0;
}

int print_sample_report() {
  Evidence evidence = healthy();
  add_gpu(evidence);
  evidence.cuda.gpus[1].gemm.code = cuda::kLaunchFailure;
  evidence.cuda.gpus[1].pci_bus_id = "";
  evidence.kernel_log.xids = {{"00000000:c1:00", 13, false, true}};
  evidence.history = {{"GPU-1", "2026-01-01T00:00:00Z", {"copy"}, {3000}}};
  evidence.nvml.gpus[0].after.remapped_rows.value.pending = true;
  std::fputs(render_json(judge(evidence, {2, true, "H100"}), {"2026-01-02T03:04:05Z", "node-1", 12, ""}).c_str(),
             stdout);
  return 1;  // the report's exit code
}

void test_report() {
  json_is_escaped();
  unread_numbers_are_null();
  text_names_each_check();
  exit_codes_are_the_documented_ones();
}

}  // namespace gpu_smoke::test
