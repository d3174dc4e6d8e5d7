#include <functional>

#include "check.h"
#include "tests.h"
#include "verdict.h"

namespace gpu_smoke::test {

namespace {

struct Case {
  const char* behaviour;
  std::function<void(Health& before, Health& after, GemmRun& gemm)> change;
  const char* check;
  Verdict verdict;
  const char* cause;
  int exit;
  bool strict = false;
};

// clang-format off: a table
const Case kHealthCases[] = {
    {"a failed remap is unfit", [](Health&, Health& a, GemmRun&) { a.remapped_rows.value.failure = true; },
     "row-remap", Verdict::fail, "row-remap-failure", 1},
    {"511 uncorrectable remaps are not yet too many",
     [](Health& b, Health& a, GemmRun&) {
       b.remapped_rows.value.uncorrectable = a.remapped_rows.value.uncorrectable = 511;
     },
     "row-remap", Verdict::pass, "", 0},
    {"512 uncorrectable remaps are too many",
     [](Health& b, Health& a, GemmRun&) {
       b.remapped_rows.value.uncorrectable = a.remapped_rows.value.uncorrectable = 512;
     },
     "row-remap", Verdict::fail, "row-remap-exhausted", 1},
    {"a remap during the test is unfit",
     [](Health&, Health& a, GemmRun&) { a.remapped_rows.value.uncorrectable = 1; },
     "row-remap", Verdict::fail, "ecc-uncorrected", 1},
    {"a pending remap warns", [](Health&, Health& a, GemmRun&) { a.remapped_rows.value.pending = true; },
     "row-remap", Verdict::pass, "", 0},
    {"no permission to read remaps is not a pass",
     [](Health& b, Health&, GemmRun&) { b.remapped_rows.code = nvml::kNoPermission; },
     "row-remap", Verdict::error, "no-permission", 3},
    {"a GPU that can neither remap nor retire skips",
     [](Health& b, Health& a, GemmRun&) { b.remapped_rows.code = a.remapped_rows.code = nvml::kNotSupported; },
     "row-remap", Verdict::skipped, "not-supported", 0},
    {"63 retired pages are too many",
     [](Health& b, Health& a, GemmRun&) { b.retired_pages = a.retired_pages = {0, {60, 3, false}}; },
     "retired-pages", Verdict::fail, "retired-pages-exhausted", 1},
    {"62 retired pages are not yet too many",
     [](Health& b, Health& a, GemmRun&) { b.retired_pages = a.retired_pages = {0, {60, 2, false}}; },
     "retired-pages", Verdict::pass, "", 0},
    {"recovery action 2 is unfit",
     [](Health& b, Health& a, GemmRun&) { b.recovery_action.value = a.recovery_action.value = 2; },
     "recovery-action", Verdict::fail, "recovery-action", 1},
    {"a recovery action that our kernel provoked is unfit",
     [](Health&, Health& a, GemmRun&) { a.recovery_action.value = 1; },
     "recovery-action", Verdict::fail, "recovery-action", 1},
    {"an unknown recovery action is unfit", [](Health&, Health& a, GemmRun&) { a.recovery_action.value = 99; },
     "recovery-action", Verdict::fail, "recovery-action", 1},
    {"a driver that does not know the recovery action skips it",
     [](Health& b, Health& a, GemmRun&) { b.recovery_action.code = a.recovery_action.code = nvml::kInvalidArgument; },
     "recovery-action", Verdict::skipped, "not-supported", 0},
    {"an ECC error during the test is unfit", [](Health&, Health& a, GemmRun&) { a.ecc_uncorrected.value = 1; },
     "ecc", Verdict::fail, "ecc-uncorrected", 1},
    {"an ECC error before the test only warns",
     [](Health& b, Health& a, GemmRun&) { b.ecc_uncorrected.value = a.ecc_uncorrected.value = 3; },
     "ecc", Verdict::pass, "", 0},
    {"ECC switched off skips", [](Health& b, Health&, GemmRun&) { b.ecc_enabled.value = false; },
     "ecc", Verdict::skipped, "ecc-off", 0},
    {"a lost GPU is unfit", [](Health&, Health& a, GemmRun&) { a.temperature_celsius.code = nvml::kGpuIsLost; },
     "temperature", Verdict::fail, "gpu-lost", 1},
    {"a GPU that must be reset is unfit",
     [](Health& b, Health&, GemmRun&) { b.ecc_uncorrected.code = nvml::kResetRequired; },
     "ecc", Verdict::fail, "reset-required", 1},
    {"at the slowdown temperature it stays open",
     [](Health&, Health& a, GemmRun&) { a.temperature_celsius.value = 90; },
     "temperature", Verdict::inconclusive, "hot", 5},
    {"at the shutdown temperature it is unfit", [](Health&, Health& a, GemmRun&) { a.temperature_celsius.value = 95; },
     "temperature", Verdict::fail, "too-hot", 1},
    {"a temperature without a limit is not judged",
     [](Health& b, Health&, GemmRun&) { b.slowdown_celsius.code = nvml::kNotSupported; },
     "temperature", Verdict::skipped, "not-supported", 0},
    {"one throttled sample only warns", [](Health& b, Health&, GemmRun&) { b.clocks_event_reasons.value = 0x48; },
     "clocks", Verdict::pass, "", 0},
    {"two throttled samples stay open",
     [](Health& b, Health& a, GemmRun&) { b.clocks_event_reasons.value = 0x88; a.clocks_event_reasons.value = 0x48; },
     "clocks", Verdict::inconclusive, "throttled", 5},
    {"a power cap is normal",
     [](Health& b, Health& a, GemmRun&) { b.clocks_event_reasons.value = a.clocks_event_reasons.value = 4; },
     "clocks", Verdict::pass, "", 0},
    {"health that was never read is not a pass", [](Health&, Health& a, GemmRun&) { a = Health{}; },
     "recovery-action", Verdict::error, "nvml-error", 3},
    {"--strict fails a pending remap", [](Health&, Health& a, GemmRun&) { a.remapped_rows.value.pending = true; },
     "row-remap", Verdict::fail, "remap-pending", 1, true},
    {"--strict fails a skipped check", [](Health& b, Health&, GemmRun&) { b.ecc_enabled.value = false; },
     "ecc", Verdict::fail, "strict", 1, true},
    {"a GPU that remaps rows has no pages to retire, even under --strict", [](Health&, Health&, GemmRun&) {},
     "retired-pages", Verdict::pass, "", 0, true},
    {"a GPU that retires pages has no rows to remap",
     [](Health& b, Health& a, GemmRun&) {
       b.remapped_rows.code = a.remapped_rows.code = nvml::kNotSupported;
       b.retired_pages = a.retired_pages = {0, {0, 0, false}};
     },
     "row-remap", Verdict::pass, "", 0, true},
    {"an SRAM beyond its threshold is unfit", [](Health&, Health& a, GemmRun&) { a.sram_threshold_exceeded.value = true; },
     "sram", Verdict::fail, "sram-threshold", 1},
    {"SRAM errors that only root may read are skipped, and said",
     [](Health&, Health& a, GemmRun&) { a.sram_threshold_exceeded.code = nvml::kNoPermission; },
     "sram", Verdict::skipped, "no-permission", 0},
    {"corrected errors are only reported", [](Health&, Health& a, GemmRun&) { a.ecc_corrected.value = 9; },
     "ecc", Verdict::pass, "", 0},

};

const Case kGemmCases[] = {
    {"one wrong element is unfit", [](Health&, Health&, GemmRun& g) { g.mismatches = 1; },
     "exact-gemm", Verdict::fail, "wrong-result", 1},
    {"a product that never ran is not a pass", [](Health&, Health&, GemmRun& g) { g = GemmRun{}; },
     "exact-gemm", Verdict::error, "cuda-error", 3},
    {"an ECC error in the kernel is unfit", [](Health&, Health&, GemmRun& g) { g.code = cuda::kEccUncorrectable; },
     "exact-gemm", Verdict::fail, "ecc-uncorrected", 1},
    {"a kernel that dies is unfit", [](Health&, Health&, GemmRun& g) { g.code = cuda::kLaunchFailure; },
     "exact-gemm", Verdict::fail, "gpu-fault", 1},
    {"a busy GPU is not judged", [](Health&, Health&, GemmRun& g) { g.code = cuda::kDevicesUnavailable; },
     "exact-gemm", Verdict::error, "gpu-busy", 3},
    {"a full GPU is not judged", [](Health&, Health&, GemmRun& g) { g.code = cuda::kMemoryAllocation; },
     "exact-gemm", Verdict::error, "out-of-memory", 3},
    {"a GPU the binary has no code for is not judged",
     [](Health&, Health&, GemmRun& g) { g.code = cuda::kNoKernelImage; },
     "exact-gemm", Verdict::error, "not-built-for-gpu", 3},
    {"an unknown CUDA error is not a pass", [](Health&, Health&, GemmRun& g) { g.code = 12345; },
     "exact-gemm", Verdict::error, "cuda-error", 3},
};
// clang-format on

template <std::size_t N>
void run_cases(const Case (&cases)[N], Level level) {
  for (const auto& row : cases) {
    Evidence evidence = healthy(level);
    auto& gpu = evidence.nvml.gpus[0];
    row.change(gpu.before, gpu.after, evidence.cuda.gpus[0].gemm);
    const Report report = judge(evidence, {{}, row.strict, ""});
    const Check& check = find_check(report, row.check);
    CHECK_IN(row.behaviour, check.verdict == row.verdict);
    CHECK_IN(row.behaviour, check.cause == row.cause);
    CHECK_IN(row.behaviour, exit_code(report.verdict) == row.exit);
    CHECK_IN(row.behaviour, row.exit == 0 ? report.cause.empty() : report.cause == row.cause);
  }
}

void warnings_are_kept() {
  Evidence evidence = healthy();
  evidence.nvml.gpus[0].after.remapped_rows.value.pending = true;
  CHECK(find_check(judge(evidence, {}), "row-remap").warnings.size() == 1);
}

void a_fault_outweighs_what_could_not_be_asked() {
  Evidence evidence = healthy();
  evidence.nvml.gpus[0].before.ecc_uncorrected.code = nvml::kNoPermission;
  evidence.nvml.gpus[0].after.temperature_celsius.value = 92;
  CHECK(judge(evidence, {}).verdict == Verdict::error);
  evidence.nvml.gpus[0].after.remapped_rows.value.failure = true;
  CHECK(judge(evidence, {}).verdict == Verdict::fail);
}

void a_reference_that_did_not_verify_condemns_no_gpu() {
  Evidence evidence = healthy();
  evidence.reference_verified = false;
  evidence.cuda.gpus[0].gemm.mismatches = 7;
  const Report report = judge(evidence, {});
  CHECK(report.verdict == Verdict::error && report.cause == "reference-error");
}

void a_hung_gpu_is_a_timeout() {
  Evidence evidence = healthy();
  evidence.cuda.gpus[0].gemm = GemmRun{};
  evidence.nvml.gpus[0].after = Health{};
  evidence.timed_out = true;
  const Report report = judge(evidence, {});
  CHECK(find_check(report, "exact-gemm").cause == "timeout");
  CHECK(report.verdict == Verdict::error && report.cause == "timeout");
}

}  // namespace

void test_verdict_gpu() {
  run_cases(kHealthCases, Level::quick);
  run_cases(kGemmCases, Level::quick);
  run_cases(kGemmCases, Level::standard);
  warnings_are_kept();
  a_fault_outweighs_what_could_not_be_asked();
  a_reference_that_did_not_verify_condemns_no_gpu();
  a_hung_gpu_is_a_timeout();
}

}  // namespace gpu_smoke::test
