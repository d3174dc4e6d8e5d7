#include "check.h"
#include "fake_cuda.h"
#include "observe.h"
#include "tests.h"
#include "verdict.h"

namespace gpu_smoke::test {
namespace {

struct Expectation {
  const char* scenario;
  int exit;
  const char* cause;
};

constexpr Expectation kExpectations[] = {
    {"healthy", 0, ""},
    {"shared", 5, "shared"},  // two processes are on it already: no speed is judged
    {"bad-inforom", 1, "inforom-corrupt"},
    {"remap-failure", 1, "row-remap-failure"},
    {"recovery", 1, "recovery-action"},
    {"old-driver", 0, ""},  // it does not know of recovery actions
    {"other-library", 3, "driver-mismatch"},
    {"mismatch", 3, "driver-mismatch"},
    {"no-permission", 3, "no-permission"},
    {"blocked", 3, "no-permission"},
    {"lost", 1, "gpu-lost"},
};

}  // namespace

void test_nvml_scenario(const std::string& scenario) {
  const auto nvml = make_nvml();
  FakeCuda cuda(1);
  Board board;
  ObserveOptions options;
  options.gemm_size = 64;
  options.gemm_depth = 64;
  options.kernel_log = "/nowhere";
  observe(*nvml, cuda, options, board);
  const Evidence evidence = board.evidence();
  CHECK(evidence.nvml.load_error.empty());
  const Report report = judge(evidence, {});
  for (const auto& expected : kExpectations) {
    if (scenario != expected.scenario) continue;
    CHECK_IN(report.reason, exit_code(report.verdict) == expected.exit);
    CHECK_IN(report.reason, report.cause == expected.cause);
    if (scenario != "healthy") return;
    const Health& health = evidence.nvml.gpus.at(0).after;
    CHECK(health.remapped_rows.value.correctable == 1 && health.remapped_rows.value.uncorrectable == 2);
    CHECK(health.temperature_celsius.value == 41 && health.slowdown_celsius.value == 90);
    CHECK(health.shutdown_celsius.value == 95 && health.clocks_event_reasons.value == 1);
    const NvmlFacts& facts = evidence.nvml.gpus[0].facts;
    CHECK(facts.inforom_valid.value && facts.pcie_max_generation.value == 5 && facts.pcie_max_width.value == 16);
    CHECK(facts.power_limit_mw.value == 700000 && facts.sm_max_mhz.value == 1980);
    CHECK(health.compute_processes.ok() && health.compute_processes.value == 0 && health.power_mw.value == 123456 &&
          health.pcie_replays.value == 7);
    const Samples& samples = evidence.nvml.gpus[0].transfer_samples;
    CHECK(samples.count >= 1 && samples.pcie_generation.value == 5 && samples.sm_mhz.mean == 1500);
    CHECK(samples.hw_thermal_ns.ok() && samples.power_watts.high == 123.456);
    CHECK(health.sram_threshold_exceeded.code == nvml::kNoPermission);
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
