#include "trace.h"

#include "check.h"
#include "json_reader.h"
#include "tests.h"
#include "verdict.h"

namespace gpu_smoke::test {
namespace {

const Run kRun{"2026-01-02T03:04:05Z", "node-1", 12, ""};

void json_is_read() {
  std::string error;
  const auto json = parse_json(R"( {"a": [1, -2.5, 1e3], "b": {"c": "x\n\u0041"}, "d": true, "e": null} )", error);
  CHECK(json && json->find("a")->items[0].whole == 1U && json->find("a")->items[1].number == -2.5);
  CHECK(!json->find("a")->items[2].whole && json->find("a")->items[2].number == 1000);
  CHECK(json->find("b")->find("c")->string == "x\nA" && json->find("d")->boolean && json->find("f") == nullptr);
  CHECK(parse_json("18446744073709551615", error)->whole == ~0ULL);
}

void what_is_no_json_is_refused() {
  const std::string deep(100, '[');
  for (const std::string text : {"", "{", "[1,]", "{\"a\" 1}", "{\"a\":1,\"a\":2}", "tru", "\"\x01\"", "\"\\x\"", "1 2",
                                 "[1", "\"", "{a:1}", "nan", "inf", "-inf", "-nan", "-", "\"\\u00\"", deep.c_str()}) {
    std::string error;
    CHECK_IN(text, !parse_json(text, error) && error.find("at byte") != std::string::npos);
  }
}

// Every report can be judged again, to the same report.
void a_report_is_a_trace(Evidence evidence) {
  const std::string report = render_json(judge(evidence, {}), kRun);
  std::string error;
  const auto again = parse_trace(report, error);
  CHECK_IN(error, again.has_value());
  if (again) CHECK(render_json(judge(*again, {}), kRun) == report);
}

Evidence everything_that_can_be_wrong() {
  Evidence evidence = healthy();
  add_gpu(evidence);
  evidence.history = {{"GPU-1", "2026-01-01T00:00:00Z", {"copy"}, {3000}}};
  evidence.kernel_log.xids = {{"00000000:c1:00", 79, true, false}};
  evidence.visible_devices_set = true;
  evidence.cool_down_s = 3;
  auto& side = evidence.nvml.gpus[0];
  side.after.remapped_rows = {nvml::kNoPermission, {}};
  side.facts.inforom_valid.code = nvml::kGpuIsLost;
  side.sustained_samples.power_brake_ns.code = nvml::kNotSupported;
  auto& gpu = evidence.cuda.gpus[1];
  gpu.memory.wrong_words = 1;
  gpu.memory.flipped_bits = 1ULL << 63;
  gpu.exact[2].mismatches = 3;
  gpu.exact[2].actual = -7;
  gpu.exact[5].skipped = "no fp8";
  gpu.copy.code = cuda::kLaunchFailure;
  gpu.copy.step = "copy";
  gpu.speeds[1].attempts_tflops = {1, 40};
  return evidence;
}

void only_nvml_sees_it() {
  Evidence evidence = healthy();
  evidence.cuda = CudaNode{};
  evidence.cuda.built = true;
  evidence.cuda.code = cuda::kInsufficientDriver;
  a_report_is_a_trace(evidence);
}

void a_trace_says_what_is_wrong_with_it() {
  std::string error;
  CHECK(!parse_trace("{\"level\": \"deep\"}", error) && error.find("level") != std::string::npos);
  CHECK(!parse_trace("{\"gpus\": [{\"nvmlIndex\": \"x\"}]}", error) && error.find("nvmlIndex") != std::string::npos);
  CHECK(!load_trace("/nowhere.json", error) && error.find("cannot be read") != std::string::npos);
  CHECK(!parse_trace("{\"gpus\": [{\"nvmlIndex\": -1}]}", error));
}

// Each would become 0 or another good number.
void what_is_no_such_number_is_refused() {
  const auto problem = [](const std::string& gpu) {
    std::string error;
    const auto evidence =
        parse_trace("{\"gpus\": [{\"nvmlIndex\": 0, \"computeCapability\": \"9.0\"" + gpu + "}]}", error);
    return evidence ? std::string("accepted") : error;
  };
  CHECK(problem("") == "accepted");
  struct Row {
    const char* text;
    const char* named;
  };
  for (const Row& row : {Row{R"(, "nvmlHandleCode": 0.5)", "nvmlHandleCode"},
                         {R"(, "nvmlHandleCode": 4294967296)", "nvmlHandleCode"},
                         {R"(, "nvmlHandleCode": -3000000000)", "nvmlHandleCode"},
                         {R"(, "memory": {"cudaErrorCode": null})", "cudaErrorCode"},
                         {R"(, "memory": {"wrongWordsCount": null})", "wrongWordsCount"},
                         {R"(, "memory": {"wrongWordsCount": 18446744073709551616})", "wrongWordsCount"},
                         {R"(, "memory": {"wrongWordsCount": 0.9})", "wrongWordsCount"},
                         {R"(, "gemm": {"cudaErrorCode": 0, "mismatchesCount": null})", "mismatchesCount"},
                         {R"(, "gemm": {"cudaErrorCode": 0})", "mismatchesCount"},
                         {R"(, "deviceCopy": {"attemptsGigabytesPerSecond": [null]})", "attemptsGigabytesPerSecond"},
                         {R"(, "sustainedSamples": {"samplesCount": null})", "samplesCount"},
                         {R"(, "healthAfter": {"recoveryActionCode": {"error": 0}})", "recoveryActionCode"},
                         {R"(, "healthAfter": {"recoveryActionCode": 4294967296})", "recoveryActionCode"}}) {
    CHECK_IN(row.text + problem(row.text), problem(row.text).find(row.named) != std::string::npos);
  }
}

void a_reading_is_as_good_as_its_worst_part() {
  const auto code = [](const std::string& health) {
    std::string error;
    const auto evidence = parse_trace("{\"gpus\": [{\"nvmlIndex\": 0, \"healthAfter\": {" + health + "}}]}", error);
    return evidence ? evidence->nvml.gpus[0].after.remapped_rows.code : -99;
  };
  const std::string counts = R"("remappedRowsCorrectableCount": 0, "remappedRowsUncorrectableCount": 0)";
  const std::string flags = R"(, "rowRemapPending": false, "rowRemapFailure": false)";
  CHECK(code(counts + flags) == nvml::kSuccess);
  CHECK(code(counts) == nvml::kNotAsked &&
        code(counts + R"(, "rowRemapPending": null, "rowRemapFailure": false)") == -1);
  CHECK(code(R"("remappedRowsCorrectableCount": {"error": 4}, "remappedRowsUncorrectableCount": 0)" + flags) == 4);
}

void a_reading_may_be_an_error() {
  std::string error;
  const auto evidence = parse_trace(
      R"({"gpus": [{"nvmlIndex": 0, "healthAfter": {"rowRemapPending": {"error": 4}, "temperatureCelsius": 40}}]})",
      error);
  CHECK_IN(error, evidence && evidence->nvml.gpus[0].after.remapped_rows.code == nvml::kNoPermission);
  CHECK(evidence && evidence->nvml.gpus[0].after.temperature_celsius.value == 40);
  CHECK(evidence && evidence->nvml.gpus[0].after.recovery_action.code == nvml::kNotAsked);
}

}  // namespace

void test_trace() {
  json_is_read();
  what_is_no_json_is_refused();
  for (const Level level : {Level::quick, Level::standard, Level::burn_in}) a_report_is_a_trace(healthy(level));
  a_report_is_a_trace(everything_that_can_be_wrong());
  a_report_is_a_trace({});
  only_nvml_sees_it();
  a_trace_says_what_is_wrong_with_it();
  a_reading_may_be_an_error();
  what_is_no_such_number_is_refused();
  a_reading_is_as_good_as_its_worst_part();
}

}  // namespace gpu_smoke::test
