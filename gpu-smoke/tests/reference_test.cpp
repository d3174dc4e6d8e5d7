#include "reference.h"

#include <cmath>

#include "check.h"
#include "tests.h"

namespace gpu_smoke::test {
namespace {

// A unit error or a sparse figure makes a gate that nothing fails or nothing passes.
void every_minimum_is_sane() {
  CHECK(chip_count() == 10);
  const auto sane = [](const Figure& figure) {
    if (figure.datasheet == 0 && figure.expected == 0) return true;
    const double share = kFailBelow * figure.expected / figure.datasheet;
    return share >= 0.4 && share <= 0.95;
  };
  for (std::size_t i = 0; i < chip_count(); ++i) {
    const ChipReference& chip = chip_at(i);
    const std::string name(chip.names[0]);
    CHECK_IN(name, sane(chip.memory) && chip.memory.datasheet > 0);
    for (const auto& type : kDataTypes) {
      CHECK_IN(name + " " + type.name, sane(chip.gemm[static_cast<std::size_t>(type.type)]));
    }
    const auto& fp16 = chip.gemm[static_cast<std::size_t>(DataType::fp16)];
    const auto& int8 = chip.gemm[static_cast<std::size_t>(DataType::int8)];
    CHECK_IN(name, fp16.datasheet > 0 && std::abs(int8.datasheet / fp16.datasheet - 2) < 0.05);
  }
}

void chips_are_known_by_their_whole_name() {
  CHECK(find_chip("NVIDIA H200") != nullptr && find_chip("Tesla T4") == find_chip("NVIDIA T4"));
  for (const char* other : {"NVIDIA H200 NVL", "NVIDIA GH200 480GB", "NVIDIA A100-SXM4-40GB", "NVIDIA A10G", "",
                            "NVIDIA H100 80GB HBM3 MIG 1g.10gb"}) {
    CHECK_IN(other, find_chip(other) == nullptr);
  }
}

struct Known {
  const char* name;
  int major, minor, sm_count, clock_mhz;
};

void the_formula_agrees_with_the_table() {
  const Known chips[] = {{"Tesla T4", 7, 5, 40, 1590},          {"NVIDIA A10", 8, 6, 72, 1695},
                         {"NVIDIA L40S", 8, 9, 142, 2520},      {"NVIDIA A100-SXM4-80GB", 8, 0, 108, 1410},
                         {"NVIDIA H100 PCIe", 9, 0, 114, 1620}, {"NVIDIA H100 80GB HBM3", 9, 0, 132, 1830}};
  for (const auto& chip : chips) {
    const double peak = formula_fp16_tflops(chip.major, chip.minor, chip.sm_count, chip.clock_mhz);
    const double known = find_chip(chip.name)->gemm[static_cast<std::size_t>(DataType::fp16)].datasheet;
    CHECK_IN(chip.name + std::string(": ") + std::to_string(peak), std::abs(peak / known - 1) < 0.02);
  }
  CHECK(formula_fp16_tflops(6, 1, 30, 1500) == 0);
}

void unknown_chips_have_a_formula() {
  CudaGpu gpu = healthy().cuda.gpus[0];
  gpu.name = "NVIDIA H100 NVL";
  const auto reference = [&gpu](MetricKind kind, DataType type) {
    return reference_for(gpu, nullptr, {kind, type, "", "", 1, false, false});
  };
  CHECK(reference(MetricKind::gemm, DataType::bf16) && !reference(MetricKind::gemm, DataType::bf16)->from_table);
  const double hbm = reference(MetricKind::copy, DataType::int8)->expected;
  CHECK_IN(std::to_string(hbm), hbm > 0.75 * 3350 && hbm < 0.85 * 3400);
  CHECK(!reference(MetricKind::gemm, DataType::fp64));
  CHECK(!reference(MetricKind::host_to_device, DataType::int8));
  gpu.major = 7;
  gpu.minor = 5;
  CHECK(!reference(MetricKind::gemm, DataType::bf16) && !reference(MetricKind::gemm, DataType::fp8));
}

void links_are_held_against_what_they_could_be() {
  CHECK(std::abs(pcie_peak_gb_s(5, 16) - 63) < 0.1 && std::abs(pcie_peak_gb_s(4, 16) - 31.5) < 0.1);
  CHECK(pcie_peak_gb_s(99, 16) == 0);
  Evidence evidence = healthy();
  const Metric metric{MetricKind::host_to_device, DataType::int8, "", "", 1, false, false};
  const auto reference = reference_for(evidence.cuda.gpus[0], &evidence.nvml.gpus[0], metric);
  CHECK(reference && reference->from_table && reference->expected > 45 && reference->expected < 47);
  evidence.cuda.gpus[0].name = "NVIDIA H100 NVL";
  CHECK(!reference_for(evidence.cuda.gpus[0], &evidence.nvml.gpus[0], metric)->from_table);
  evidence.nvml.gpus[0].facts.pcie_max_width.code = nvml::kNotSupported;
  CHECK(!reference_for(evidence.cuda.gpus[0], &evidence.nvml.gpus[0], metric));
}

}  // namespace

void test_reference() {
  every_minimum_is_sane();
  chips_are_known_by_their_whole_name();
  the_formula_agrees_with_the_table();
  unknown_chips_have_a_formula();
  links_are_held_against_what_they_could_be();
}

}  // namespace gpu_smoke::test
