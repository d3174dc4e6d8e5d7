// The rules of the standard level: memory, exact products, links, speed, peers and history.
#include <functional>

#include "check.h"
#include "tests.h"
#include "verdict.h"

namespace gpu_smoke::test {
namespace {

struct Case {
  const char* behaviour;
  std::function<void(CudaGpu&, NvmlGpu&)> change;
  const char* check;
  Verdict verdict;
  const char* cause;
  std::size_t warnings = 0;
};

SpeedRun& speed(CudaGpu& gpu, DataType type) {
  return gpu.speeds[static_cast<std::size_t>(type)];
}

// clang-format off: a table
const Case kCases[] = {
    {"a wrong word of memory is unfit", [](CudaGpu& c, NvmlGpu&) { c.memory.wrong_words = 1; },
     "memory", Verdict::fail, "memory-fault"},
    {"a wrong word counts even when the run then died",
     [](CudaGpu& c, NvmlGpu&) { c.memory.wrong_words = 1; c.memory.code = cuda::kMemoryAllocation; },
     "memory", Verdict::fail, "memory-fault"},
    {"less than nine tenths of the memory is not tested",
     [](CudaGpu& c, NvmlGpu&) { c.memory.tested_bytes = c.memory.free_bytes / 2; },
     "memory", Verdict::error, "out-of-memory"},
    {"memory that was never tried is not a pass", [](CudaGpu& c, NvmlGpu&) { c.memory = MemoryRun{}; },
     "memory", Verdict::error, "cuda-error"},
    {"one wrong element on tensor cores is unfit", [](CudaGpu& c, NvmlGpu&) { c.exact[4].mismatches = 1; },
     "exact-bf16", Verdict::fail, "wrong-result"},
    {"a type that was never multiplied is not a pass", [](CudaGpu& c, NvmlGpu&) { c.exact.clear(); },
     "exact-fp8", Verdict::error, "cuda-error"},
    {"SMs that had no part are said", [](CudaGpu& c, NvmlGpu&) { c.exact[3].sms_covered = 131; },
     "exact-fp16", Verdict::pass, "", 1},
    {"a first kernel that wrote wrong words is unfit", [](CudaGpu& c, NvmlGpu&) { c.context.wrong_words = 1; },
     "context", Verdict::fail, "wrong-result"},
    {"a context that cannot be created is an error",
     [](CudaGpu& c, NvmlGpu&) { c.context.code = cuda::kDevicesUnavailable; }, "context", Verdict::error, "gpu-busy"},
    {"a wrong digest under load is unfit",
     [](CudaGpu& c, NvmlGpu&) { c.sustained.wrong_iterations = 1; c.sustained.wrong_digest = 7; },
     "sustained", Verdict::fail, "wrong-result"},
    {"wrong elements under load are unfit", [](CudaGpu& c, NvmlGpu&) { c.sustained.mismatches = 1; },
     "sustained", Verdict::fail, "wrong-result"},
    {"a load without an iteration is not a pass", [](CudaGpu& c, NvmlGpu&) { c.sustained.iterations = 0; },
     "sustained", Verdict::error, "cuda-error"},
    {"a kernel that dies under load is unfit",
     [](CudaGpu& c, NvmlGpu&) { c.sustained.code = cuda::kEccUncorrectable; },
     "sustained", Verdict::fail, "ecc-uncorrected"},
    {"bytes that arrive wrong are unfit, however fast", [](CudaGpu& c, NvmlGpu&) { c.host_to_device.wrong_bytes = 8; },
     "host-to-device", Verdict::fail, "wrong-result"},
    {"and back", [](CudaGpu& c, NvmlGpu&) { c.device_to_host.wrong_bytes = 8; },
     "device-to-host", Verdict::fail, "wrong-result"},
    {"a slow link is unfit", [](CudaGpu& c, NvmlGpu&) { c.host_to_device.attempts_gb_s = {30}; },
     "host-to-device", Verdict::fail, "slow"},
    {"just above three quarters warns", [](CudaGpu& c, NvmlGpu&) { c.copy.attempts_gb_s = {2260}; },
     "copy", Verdict::pass, "", 1},
    {"just below fails", [](CudaGpu& c, NvmlGpu&) { c.copy.attempts_gb_s = {2240}; },
     "copy", Verdict::fail, "slow"},
    {"the better of two tries counts", [](CudaGpu& c, NvmlGpu&) { c.copy.attempts_gb_s = {1000, 2950}; },
     "copy", Verdict::pass, ""},
    {"a slow type is unfit", [](CudaGpu& c, NvmlGpu&) { speed(c, DataType::fp8).attempts_tflops = {1000}; },
     "gemm-fp8", Verdict::fail, "slow"},
    {"our own kernels are not held against the table",
     [](CudaGpu& c, NvmlGpu&) { speed(c, DataType::bf16).engine = "own"; speed(c, DataType::bf16).attempts_tflops = {400}; },
     "gemm-bf16", Verdict::skipped, "cublas-absent"},
    {"a speed that was never measured is not a pass", [](CudaGpu& c, NvmlGpu&) { c.speeds.clear(); },
     "gemm-int8", Verdict::error, "cuda-error"},
    {"an unknown chip's link only warns",
     [](CudaGpu& c, NvmlGpu&) { c.name = "NVIDIA H100 NVL"; c.host_to_device.attempts_gb_s = {20}; },
     "host-to-device", Verdict::pass, "", 1},
    {"an unknown chip only warns",
     [](CudaGpu& c, NvmlGpu&) { c.name = "NVIDIA H100 NVL"; speed(c, DataType::bf16).attempts_tflops = {100}; },
     "gemm-bf16", Verdict::pass, "", 1},
    {"what nothing is known of is skipped", [](CudaGpu& c, NvmlGpu&) { c.name = "NVIDIA H100 NVL"; },
     "gemm-fp64", Verdict::skipped, "no-reference"},
    {"a link below its generation under load is unfit",
     [](CudaGpu&, NvmlGpu& n) { n.transfer_samples.pcie_generation.value = 4; }, "pcie", Verdict::fail, "pcie-degraded"},
    {"and below its width", [](CudaGpu&, NvmlGpu& n) { n.transfer_samples.pcie_width.value = 8; },
     "pcie", Verdict::fail, "pcie-degraded"},
    {"replays warn", [](CudaGpu&, NvmlGpu& n) { n.after.pcie_replays.value = 3; }, "pcie", Verdict::pass, "", 1},
    {"a link that was never seen is not a pass", [](CudaGpu&, NvmlGpu& n) { n.transfer_samples = Samples{}; },
     "pcie", Verdict::error, "nvml-error"},
    {"a link at rest, because no transfer ran, is not degraded",
     [](CudaGpu& c, NvmlGpu& n) {
       c.host_to_device.code = cuda::kDevicesUnavailable;
       n.transfer_samples.pcie_generation.value = 1;
     },
     "pcie", Verdict::error, "gpu-busy"},
    {"readings without a sample are not a pass", [](CudaGpu&, NvmlGpu& n) { n.transfer_samples.count = 0; },
     "pcie", Verdict::error, "nvml-error"},
    {"clocks that were never seen under load are not a pass",
     [](CudaGpu&, NvmlGpu& n) { n.sustained_samples.count = 0; }, "clocks", Verdict::error, "nvml-error"},
    {"heat in one of twenty samples is a moment",
     [](CudaGpu&, NvmlGpu& n) { n.sustained_samples.hw_thermal_count = 4; }, "clocks", Verdict::pass, "", 1},
    {"in more it is a fault", [](CudaGpu&, NvmlGpu& n) { n.sustained_samples.hw_thermal_count = 5; },
     "clocks", Verdict::fail, "throttled"},
    {"so is a power brake", [](CudaGpu&, NvmlGpu& n) { n.sustained_samples.power_brake_count = 40; },
     "clocks", Verdict::fail, "throttled"},
    {"the driver's own counter sees what samples miss",
     [](CudaGpu&, NvmlGpu& n) { n.sustained_samples.hw_thermal_ns.value = 500'000'000; },
     "clocks", Verdict::fail, "throttled"},
    {"a power cap is normal", [](CudaGpu&, NvmlGpu& n) { n.sustained_samples.power_cap_count = 80; },
     "clocks", Verdict::pass, ""},
    {"a lowered power limit warns", [](CudaGpu&, NvmlGpu& n) { n.facts.power_limit_mw.value = 500000; },
     "power", Verdict::pass, "", 1},
    {"power that may not be read is no pass",
     [](CudaGpu&, NvmlGpu& n) { n.facts.power_limit_mw.code = nvml::kNoPermission; },
     "power", Verdict::error, "no-permission"},
    {"a corrupt inforom is unfit", [](CudaGpu&, NvmlGpu& n) { n.facts.inforom_valid.value = false; },
     "inforom", Verdict::fail, "inforom-corrupt"},
    {"under MIG speed stays open", [](CudaGpu&, NvmlGpu& n) { n.before.mig_enabled.value = true; },
     "gemm-bf16", Verdict::inconclusive, "mig"},
    {"under MIG a wrong element is as wrong as ever",
     [](CudaGpu& c, NvmlGpu& n) { n.before.mig_enabled.value = true; c.exact[4].mismatches = 1; },
     "exact-bf16", Verdict::fail, "wrong-result"},
    {"under MIG the whole GPU's counters are unavailable",
     [](CudaGpu&, NvmlGpu& n) {
       n.before.mig_enabled.value = true;
       n.before.remapped_rows.code = n.after.remapped_rows.code = nvml::kNotSupported;
     },
     "row-remap", Verdict::skipped, "unavailable"},
    {"under MIG a reading that is refused is unavailable",
     [](CudaGpu&, NvmlGpu& n) {
       n.before.mig_enabled.value = true;
       n.before.ecc_enabled.code = nvml::kNoPermission;
     },
     "ecc", Verdict::skipped, "unavailable"},
    {"under MIG heat stays open",
     [](CudaGpu&, NvmlGpu& n) { n.before.mig_enabled.value = true; n.sustained_samples.hw_thermal_count = 40; },
     "clocks", Verdict::inconclusive, "mig"},
    {"with others on the GPU a power brake stays open",
     [](CudaGpu&, NvmlGpu& n) { n.before.compute_processes.value = 1; n.sustained_samples.power_brake_count = 40; },
     "clocks", Verdict::inconclusive, "shared"},
    {"under MIG the link's width stays open",
     [](CudaGpu&, NvmlGpu& n) { n.before.mig_enabled.value = true; n.transfer_samples.pcie_width.value = 8; },
     "pcie", Verdict::inconclusive, "mig"},
    {"a chip without MIG says that it has none",
     [](CudaGpu& c, NvmlGpu& n) { n.before.mig_enabled.code = nvml::kNotSupported; c.copy.attempts_gb_s = {2000}; },
     "copy", Verdict::fail, "slow"},
    {"slow stays open where nobody may count the processes",
     [](CudaGpu& c, NvmlGpu& n) { n.before.compute_processes.code = nvml::kNoPermission; c.copy.attempts_gb_s = {2000}; },
     "copy", Verdict::inconclusive, "sharing-unknown"},
    {"slow stays open where nobody may ask for MIG",
     [](CudaGpu& c, NvmlGpu& n) { n.before.mig_enabled.code = nvml::kNoPermission; c.copy.attempts_gb_s = {2000}; },
     "copy", Verdict::inconclusive, "sharing-unknown"},
    {"so does heat",
     [](CudaGpu&, NvmlGpu& n) {
       n.before.compute_processes.code = nvml::kNoPermission;
       n.sustained_samples.hw_thermal_count = 40;
     },
     "clocks", Verdict::inconclusive, "sharing-unknown"},
    {"fast is fast, whoever else is there",
     [](CudaGpu&, NvmlGpu& n) { n.before.compute_processes.code = nvml::kNotSupported; }, "copy", Verdict::pass, ""},
    {"a MIG device is known by its name", [](CudaGpu& c, NvmlGpu&) { c.name += " MIG 1g.10gb"; },
     "copy", Verdict::inconclusive, "mig"},
    {"with others on the GPU speed stays open", [](CudaGpu&, NvmlGpu& n) { n.before.compute_processes.value = 1; },
     "copy", Verdict::inconclusive, "shared"},
    {"with others on the GPU memory is as wrong as ever",
     [](CudaGpu& c, NvmlGpu& n) { n.before.compute_processes.value = 1; c.memory.wrong_words = 9; },
     "memory", Verdict::fail, "memory-fault"},
};
// clang-format on

void each_fault_has_its_verdict() {
  for (const auto& row : kCases) {
    Evidence evidence = healthy();
    row.change(evidence.cuda.gpus[0], evidence.nvml.gpus[0]);
    const Report report = judge(evidence, {});
    const Check& check = find_check(report, row.check);
    CHECK_IN(row.behaviour + std::string(": ") + check.reason, check.verdict == row.verdict);
    CHECK_IN(row.behaviour, check.cause == row.cause && check.warnings.size() == row.warnings);
    if (row.verdict != Verdict::skipped) CHECK_IN(row.behaviour + report.reason, report.verdict == row.verdict);
    // Skips pass by default and fail under --strict.
    if (row.verdict == Verdict::skipped)
      CHECK_IN(row.behaviour, judge(evidence, {{}, true, ""}).verdict == Verdict::fail);
  }
}

void a_type_the_chip_lacks_is_no_check() {
  Evidence evidence = healthy();
  evidence.cuda.gpus[0].major = 8;
  evidence.cuda.gpus[0].name = "NVIDIA A100-SXM4-80GB";
  CHECK(!has_check(judge(evidence, {}), "exact-fp8") && !has_check(judge(evidence, {}), "gemm-fp8"));
  evidence.cuda.gpus[0].name = "NVIDIA L4";
  CHECK(has_check(judge(evidence, {}), "exact-fp64") && !has_check(judge(evidence, {}), "gemm-fp64"));
}

void peers_are_compared_with_their_like() {
  const auto verdict = [](double copy, const char* name = "NVIDIA H100 80GB HBM3") {
    Evidence evidence = healthy();
    add_gpu(evidence);
    evidence.cuda.gpus[1].copy.attempts_gb_s = {copy};
    evidence.cuda.gpus[1].name = name;
    return judge(evidence, {});
  };
  CHECK(verdict(3000).verdict == Verdict::pass && has_check(verdict(3000), "peers"));
  CHECK(verdict(2690).cause == "slower-than-peers" && verdict(2690).reason.rfind("GPU 1 peers", 0) == 0);
  CHECK(verdict(2800).verdict == Verdict::pass && verdict(2800).gpus[1].checks.back().warnings.size() == 1);
  CHECK(!has_check(verdict(2690, "NVIDIA H100 NVL"), "peers"));
}

void a_slow_peer_of_which_nothing_is_known_stays_open() {
  Evidence evidence = healthy();
  add_gpu(evidence);
  evidence.cuda.gpus[1].copy.attempts_gb_s = {2690};
  evidence.nvml.gpus[1].before.compute_processes.code = nvml::kNoPermission;
  const Report report = judge(evidence, {});
  CHECK_IN(report.reason, report.verdict == Verdict::inconclusive && report.cause == "sharing-unknown");
}

void a_faster_chip_is_no_peer() {
  Evidence evidence = healthy();
  add_gpu(evidence);
  add_gpu(evidence);
  evidence.cuda.gpus[2].name = "NVIDIA Future";
  evidence.cuda.gpus[2].copy.attempts_gb_s = {9000};
  const Report report = judge(evidence, {});
  CHECK_IN(report.reason, report.verdict == Verdict::pass && has_check(report, "peers"));
}

void the_lowest_that_counts_is_named() {
  Evidence evidence = healthy();
  add_gpu(evidence);
  auto& gpu = evidence.cuda.gpus[1];
  gpu.host_to_device.attempts_gb_s = {40};  // lowest, but a link
  speed(gpu, DataType::fp16).attempts_tflops = {0.88 * 795};
  speed(gpu, DataType::bf16).attempts_tflops = {0.86 * 795};
  speed(gpu, DataType::fp8).attempts_tflops = {0.89 * 1403};
  const Check check = judge(evidence, {}).gpus[1].checks.back();
  CHECK_IN(check.reason, check.reason.rfind("lowest is gemm-bf16", 0) == 0 && check.warnings.size() == 1);
}

void links_differ_by_socket_and_only_warn() {
  Evidence evidence = healthy();
  add_gpu(evidence);
  evidence.cuda.gpus[1].host_to_device.attempts_gb_s = {40};
  const Report report = judge(evidence, {});
  CHECK_IN(report.reason, report.verdict == Verdict::pass && report.gpus[1].checks.back().warnings.size() == 1);
}

void a_gpu_is_compared_with_its_own_past() {
  Evidence evidence = healthy();
  evidence.history = {
      {"GPU-1", "", {"copy"}, {3100}}, {"GPU-1", "", {"copy"}, {3400}}, {"GPU-9", "", {"copy"}, {9999}}};
  CHECK(find_check(judge(evidence, {}), "history").verdict == Verdict::skipped);
  evidence.history.push_back({"GPU-1", "", {"copy"}, {3350}});
  CHECK(judge(evidence, {}).cause == "slower-than-before");
  evidence.history.back().values = {3050};  // the median is now 3100
  CHECK(judge(evidence, {}).verdict == Verdict::pass);
}

void peer_links_are_judged() {
  Evidence evidence = healthy();
  add_gpu(evidence);
  CHECK(find_check(judge(evidence, {}), "peer-to-peer").verdict == Verdict::pass);
  evidence.cuda.peers[0].wrong_bytes = 8;
  CHECK(judge(evidence, {}).cause == "wrong-result");
  evidence.cuda.peers[0].wrong_bytes = 0;
  evidence.cuda.peers[0].attempts_gb_s = {100};
  CHECK(find_check(judge(evidence, {}), "peer-to-peer").warnings.size() == 1);
  for (auto& run : evidence.cuda.peers) run.skipped = "no direct access", run.access = false;
  CHECK(find_check(judge(evidence, {}), "peer-to-peer").verdict == Verdict::skipped);
  evidence.cuda.peers.clear();
  CHECK(find_check(judge(evidence, {}), "peer-to-peer").verdict == Verdict::error);
}

void only_what_would_fail_is_tried_again() {
  Evidence evidence = healthy();
  add_gpu(evidence);
  CHECK(low_metrics(evidence).empty());
  auto& gpu = evidence.cuda.gpus[1];
  gpu.copy.attempts_gb_s = {2690};          // below its peer
  gpu.host_to_device.attempts_gb_s = {30};  // below the table
  gpu.device_to_host.attempts_gb_s = {40};  // below its peer, and a link
  speed(gpu, DataType::fp16).attempts_tflops = {780};
  const auto low = low_metrics(evidence);
  CHECK(low.size() == 2 && low[0].kind == MetricKind::host_to_device && low[1].kind == MetricKind::copy);
  CHECK(low[0].ordinal == 1);
  evidence.nvml.gpus[1].before.compute_processes.value = 1;
  CHECK(low_metrics(evidence).empty());
}

}  // namespace

void test_verdict_speed() {
  each_fault_has_its_verdict();
  a_type_the_chip_lacks_is_no_check();
  peers_are_compared_with_their_like();
  a_slow_peer_of_which_nothing_is_known_stays_open();
  a_faster_chip_is_no_peer();
  the_lowest_that_counts_is_named();
  links_differ_by_socket_and_only_warn();
  a_gpu_is_compared_with_its_own_past();
  peer_links_are_judged();
  only_what_would_fail_is_tried_again();
}

}  // namespace gpu_smoke::test
