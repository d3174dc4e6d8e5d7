#include "check.h"
#include "observe.h"
#include "probes.h"
#include "tests.h"
#include "verdict.h"

namespace gpu_smoke::test {
namespace {

// A CUDA side that answers rightly, so that only NVML decides.
class GoodCuda final : public Cuda {
 public:
  bool built() const override { return true; }
  CudaNode open() override {
    return {true, 0, 13000, 13050, {{0, "Fake", normal_bus_id("0000:C1:00.0"), 9, 0, 132, 1ULL << 36, {}}}};
  }
  GemmRun run_gemm(int, const GemmProblem&) override {
    GemmRun run;
    run.code = cuda::kSuccess;
    return run;
  }
};

struct Expectation {
  const char* scenario;
  int exit;
  const char* cause;
};

constexpr Expectation kExpectations[] = {
    {"healthy", 0, ""},
    {"remap-failure", 1, "row-remap-failure"},
    {"recovery", 1, "recovery-action"},
    {"mismatch", 3, "driver-mismatch"},
    {"no-permission", 3, "no-permission"},
    {"blocked", 3, "no-permission"},
    {"lost", 1, "gpu-lost"},
};

}  // namespace

void test_nvml_scenario(const std::string& scenario) {
  const auto nvml = make_nvml();
  GoodCuda cuda;
  int steps = 0;
  const Evidence evidence = observe(*nvml, cuda, {64, 64, 64, 1}, [&](const Evidence&) { ++steps; });
  CHECK(evidence.nvml.load_error.empty());
  const Report report = judge(evidence, {});
  for (const auto& expected : kExpectations) {
    if (scenario != expected.scenario) continue;
    CHECK_IN(report.reason, exit_code(report.verdict) == expected.exit);
    CHECK_IN(report.reason, report.cause == expected.cause);
    CHECK(steps >= 3);
    if (scenario != "healthy") return;
    const Health& health = evidence.nvml.gpus.at(0).after;
    CHECK(health.remapped_rows.value.correctable == 1 && health.remapped_rows.value.uncorrectable == 2);
    CHECK(health.temperature_celsius.value == 41 && health.slowdown_celsius.value == 90);
    CHECK(health.shutdown_celsius.value == 95 && health.clocks_event_reasons.value == 1);
    CHECK(evidence.nvml.gpus[0].name == "Fake ?[31mGPU");
    CHECK(evidence.nvml.driver_version == "580.65.06");
    return;
  }
  CHECK_IN(scenario, false);
}

void test_bus_ids_and_text() {
  CHECK(normal_bus_id("0000:C1:00.0") == "00000000:c1:00");
  CHECK(normal_bus_id("00000000:c1:00.0") == "00000000:c1:00");
  CHECK(normal_bus_id("00010000:3B:1f.0") == "00010000:3b:1f");
  CHECK(normal_bus_id("") == "" && normal_bus_id("nonsense") == "");
  CHECK(printable("a\x1b[31m\xff", 10) == "a?[31m?");
  CHECK(printable("abcdef", 3) == "abc");
}

}  // namespace gpu_smoke::test
