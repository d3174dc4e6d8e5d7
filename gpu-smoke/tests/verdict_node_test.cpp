#include <functional>

#include "check.h"
#include "tests.h"
#include "verdict.h"

namespace gpu_smoke::test {
namespace {

void add_nvml_gpu(Evidence& evidence) {
  add_gpu(evidence);
  evidence.cuda.gpus.pop_back();
}

struct Case {
  const char* behaviour;
  std::function<void(Evidence&)> change;
  const char* cause;
  int exit;
  std::optional<unsigned> expect = {};
};

void no_cuda(Evidence& e, int code, int driver) {
  e.cuda.code = code;
  e.cuda.driver_version = driver;
  e.cuda.gpus.clear();
}

// clang-format off: a table
const Case kCases[] = {
    {"a healthy GPU is fit", [](Evidence&) {}, "", 0},
    {"the expected number is fit", [](Evidence&) {}, "", 0, 1},
    {"another number than expected is unfit", [](Evidence&) {}, "count-mismatch", 1, 2},
    {"35 with driver version 0 means no driver",
     [](Evidence& e) { e = Evidence{}; e.cuda.built = true; e.nvml.load_error = "not found"; no_cuda(e, 35, 0); },
     "no-driver", 3},
    {"35 with a driver version means too old", [](Evidence& e) { no_cuda(e, 35, 12020); }, "driver-too-old", 3},
    {"the toolkit's stub is no driver", [](Evidence& e) { no_cuda(e, 34, 0); }, "no-driver", 3},
    {"a driver without GPUs is not judged",
     [](Evidence& e) { no_cuda(e, 100, 13000); e.nvml.gpus.clear(); }, "no-gpu", 3},
    {"no GPUs where some are expected is unfit",
     [](Evidence& e) { no_cuda(e, 100, 13000); e.nvml.gpus.clear(); }, "count-mismatch", 1, 8},
    {"success with zero GPUs is not a pass",
     [](Evidence& e) { e.cuda.gpus.clear(); e.nvml.gpus.clear(); }, "no-gpu", 3},
    {"a fabric that is not ready is not judged", [](Evidence& e) { no_cuda(e, 802, 13000); }, "fabric-not-ready", 3},
    {"803 is a driver mismatch", [](Evidence& e) { no_cuda(e, 803, 13000); }, "driver-mismatch", 3},
    {"without NVML a right product is not enough",
     [](Evidence& e) { e.nvml = NvmlNode{}; e.nvml.load_error = "not found"; }, "nvml-absent", 3},
    {"NVML 18 is a driver mismatch",
     [](Evidence& e) { e.nvml = NvmlNode{}; e.nvml.init_code = nvml::kVersionMismatch; }, "driver-mismatch", 3},
    {"a library of another driver than the loaded one is a mismatch",
     [](Evidence& e) { e.nvml.nvml_version = "13.580.95.05"; }, "driver-mismatch", 3},
    {"a library that does not say of which driver is none", [](Evidence& e) { e.nvml.nvml_version = "13.1"; }, "", 0},
    {"nor is one without a version", [](Evidence& e) { e.nvml.nvml_version.clear(); }, "", 0},
    {"nor a driver without one", [](Evidence& e) { e.nvml.driver_version.clear(); }, "", 0},
    {"NVML 9 is no driver",
     [](Evidence& e) { e.nvml = NvmlNode{}; e.nvml.init_code = nvml::kDriverNotLoaded; }, "no-driver", 3},
    {"a device blocked by cgroups is no permission",
     [](Evidence& e) { e.nvml.gpus[0].handle_code = nvml::kOperatingSystem; e.nvml.gpus[0].pci_bus_id.clear(); },
     "no-permission", 3},
    {"a GPU that NVML does not list is not a pass",
     [](Evidence& e) { e.nvml.gpus[0].pci_bus_id = "00000000:00:00"; }, "nvml-error", 3},
    {"a GPU that only NVML sees makes the node unfit", add_nvml_gpu, "count-mismatch", 1},
    {"unless CUDA_VISIBLE_DEVICES hides it",
     [](Evidence& e) { add_nvml_gpu(e); e.visible_devices_set = true; }, "", 0},
    {"CUDA_VISIBLE_DEVICES that hides all leaves nothing to judge",
     [](Evidence& e) { no_cuda(e, 100, 13000); e.visible_devices_set = true; }, "no-gpu", 3},
    {"an NVML driver that hangs is a timeout",
     [](Evidence& e) { e = Evidence{}; e.cuda.built = true; e.timed_out = true; }, "timeout", 3},
    {"a host-only build never passes", [](Evidence& e) { e.cuda = CudaNode{}; }, "host-only-build", 3},
    {"nothing observed is not a pass", [](Evidence& e) { e = Evidence{}; e.cuda.built = true; }, "nvml-error", 3},
};
// clang-format on

void a_model_is_expected_in_whole_words() {
  const auto cause = [](const std::string& name, const std::string& expected) {
    Evidence evidence = healthy();
    evidence.cuda.gpus[0].name = name;
    return find_check(judge(evidence, {{}, false, expected}), "gpu-model").cause;
  };
  CHECK(cause("NVIDIA H200", "H200").empty() && cause("NVIDIA A100 80GB PCIe", "A100 80GB").empty());
  CHECK(cause("NVIDIA A100 80GB PCIe", "A10") == "model-mismatch" && cause("NVIDIA GH200", "H200") == "model-mismatch");
  Evidence evidence = healthy();
  no_cuda(evidence, 802, 13000);
  CHECK(find_check(judge(evidence, {{}, false, "H200"}), "gpu-model").verdict == Verdict::error);
}

void mixed_chips_are_said() {
  Evidence evidence = healthy();
  add_gpu(evidence);
  CHECK(find_check(judge(evidence, {}), "gpu-count").warnings.empty());
  evidence.cuda.gpus[1].name = "NVIDIA L4";
  CHECK(find_check(judge(evidence, {}), "gpu-count").warnings.size() == 1);
}

void mig_counts_stay_open() {
  Evidence evidence = healthy();
  add_nvml_gpu(evidence);
  evidence.nvml.gpus[1].before.mig_enabled.value = true;
  CHECK(find_check(judge(evidence, {}), "gpu-count").verdict == Verdict::inconclusive);
  CHECK(find_check(judge(evidence, {7, false, ""}), "gpu-count").cause == "mig");
  evidence.cuda.gpus.clear();  // enabled, and nobody has made a device
  CHECK(find_check(judge(evidence, {7, false, ""}), "gpu-count").cause == "count-mismatch");
}

void a_fault_in_nvml_counts_without_cuda() {
  Evidence evidence = healthy();
  evidence.cuda = CudaNode{};
  evidence.nvml.gpus[0].after.remapped_rows.value.failure = true;
  const Report report = judge(evidence, {});
  CHECK(report.verdict == Verdict::fail && report.cause == "row-remap-failure");
  CHECK(find_check(report, "exact-gemm").verdict == Verdict::error);
}

void one_bad_gpu_of_two_is_named() {
  Evidence evidence = healthy();
  add_gpu(evidence);
  CHECK(judge(evidence, {}).verdict == Verdict::pass);
  evidence.cuda.gpus[1].gemm.mismatches = 1;
  const Report report = judge(evidence, {});
  CHECK(report.verdict == Verdict::fail && report.reason.rfind("GPU 1 exact-gemm", 0) == 0);
}

}  // namespace

void test_verdict_node() {
  for (const auto& row : kCases) {
    Evidence evidence = healthy();
    row.change(evidence);
    const Report report = judge(evidence, {row.expect, false, ""});
    CHECK_IN(row.behaviour, exit_code(report.verdict) == row.exit);
    CHECK_IN(std::string(row.behaviour) + ": " + report.cause, report.cause == row.cause);
  }
  a_model_is_expected_in_whole_words();
  mixed_chips_are_said();
  mig_counts_stay_open();
  a_fault_in_nvml_counts_without_cuda();
  one_bad_gpu_of_two_is_named();
}

}  // namespace gpu_smoke::test
