#include "reference.h"

#include <iterator>

namespace gpu_smoke {
namespace {

// Columns of gemm: fp64, fp32, tf32, fp16, bf16, fp8, int8. Chips with a low power limit (T4, L4, A10, H100 PCIe)
// hold a smaller share of their peak; where no measured figure is known, 0.55 to 0.8 of the peak is expected.
// clang-format off: a table
constexpr ChipReference kChips[] = {
    {{"Tesla T4", "NVIDIA T4"}, {320, 244},
     {{}, {8.1, 5.0}, {}, {65, 36}, {}, {}, {130, 72}}},
    {{"NVIDIA A10"}, {600, 480},
     {{}, {31.2, 18.7}, {62.5, 37.5}, {125, 75}, {125, 75}, {}, {250, 150}}},
    {{"NVIDIA L4"}, {300, 250},
     {{}, {30.3, 18.2}, {60, 36}, {121, 72}, {121, 72}, {242, 133}, {242, 133}}},
    {{"NVIDIA L40S"}, {864, 700},
     {{}, {91.6, 60}, {183, 128}, {362, 253}, {362, 253}, {733, 480}, {733, 480}}},
    {{"NVIDIA A100-SXM4-80GB"}, {2000, 1650},
     {{19.5, 15.6}, {19.5, 15.6}, {156, 125}, {312, 271}, {312, 271}, {}, {624, 437}}},
    {{"NVIDIA A100 80GB PCIe"}, {1940, 1550},
     {{19.5, 14.6}, {19.5, 15.6}, {156, 117}, {312, 253}, {312, 253}, {}, {624, 406}}},
    {{"NVIDIA H100 PCIe"}, {2000, 1600},
     {{51, 31}, {51, 31}, {378, 227}, {756, 454}, {756, 454}, {1513, 908}, {1513, 832}}},
    {{"NVIDIA H100 80GB HBM3"}, {3350, 3000},
     {{67, 47}, {67, 47}, {494.5, 346}, {989, 795}, {989, 795}, {1979, 1403}, {1979, 1188}}},
    {{"NVIDIA H200"}, {4800, 4300},
     {{67, 47}, {67, 47}, {494.5, 346}, {989, 790}, {989, 790}, {1979, 1453}, {1979, 1188}}},
    {{"NVIDIA B200"}, {8000, 6400},
     {{}, {80, 52}, {1125, 790}, {2250, 1745}, {2250, 1745}, {4500, 3432}, {4500, 2700}}},
};
// clang-format on

// Of an unknown chip's peak, so that only what is clearly slow is mentioned.
constexpr double kFormulaShare = 0.6;
constexpr double kFormulaMemoryShare = 0.8;
// H100 reaches 52 to 55 of its link's 63 GB/s, A100 about 23 of 31.5.
constexpr double kPcieShare = 0.73;

// Against fp16 on tensor cores.
double share_of_fp16(int major, DataType type) {
  switch (type) {
    case DataType::tf32:
      return major >= 8 ? 0.5 : 0;
    case DataType::fp16:
      return 1;
    case DataType::bf16:
      return major >= 8 ? 1 : 0;
    case DataType::fp8:
      return 2;
    case DataType::int8:
      return 2;
    case DataType::fp64:
    case DataType::fp32:
      break;
  }
  return 0;
}

std::optional<Reference> link_reference(const CudaGpu& gpu, const NvmlGpu* nvml) {
  if (nvml == nullptr) return std::nullopt;
  const auto& generation = nvml->facts.pcie_max_generation;
  const auto& lanes = nvml->facts.pcie_max_width;
  if (!generation.ok() || !lanes.ok()) return std::nullopt;
  const double peak = pcie_peak_gb_s(generation.value, lanes.value);
  if (peak <= 0) return std::nullopt;
  const std::string link = "PCIe " + std::to_string(generation.value) + " x" + std::to_string(lanes.value);
  // How much of a link an unknown chip can fill is not known.
  return Reference{peak * kPcieShare, find_chip(gpu.name) != nullptr, link};
}

std::optional<Reference> from_formula(const CudaGpu& gpu, const Metric& metric) {
  double expected = 0;
  if (metric.kind == MetricKind::copy) {
    expected = kFormulaMemoryShare * gpu.memory_clock_mhz * 1e6 * 2 * gpu.memory_bus_bits / 8 / 1e9;
  } else if (supports(gpu.major, gpu.minor, metric.type)) {
    expected = kFormulaShare * share_of_fp16(gpu.major, metric.type) *
               formula_fp16_tflops(gpu.major, gpu.minor, gpu.sm_count, gpu.clock_mhz);
  }
  if (expected <= 0) return std::nullopt;
  return Reference{expected, false, "the formula for unknown chips"};
}

}  // namespace

const ChipReference* find_chip(std::string_view name) {
  for (const auto& chip : kChips) {
    for (const auto known : chip.names) {
      if (!known.empty() && name == known) return &chip;
    }
  }
  return nullptr;
}

std::size_t chip_count() {
  return std::size(kChips);
}

const ChipReference& chip_at(std::size_t index) {
  return kChips[index];
}

double pcie_peak_gb_s(unsigned generation, unsigned lanes) {
  constexpr double kPerLane[] = {0, 0.25, 0.5, 0.985, 1.969, 3.938, 7.563};
  return generation < std::size(kPerLane) ? kPerLane[generation] * lanes : 0;
}

double formula_fp16_tflops(int major, int minor, int sm_count, int clock_mhz) {
  const int capability = 10 * major + minor;
  const double per_clock = capability == 75                       ? 1024
                           : capability == 80                     ? 2048
                           : capability == 86 || capability == 89 ? 1024
                           : capability == 90                     ? 4096
                           : capability == 100                    ? 8192
                                                                  : 0;
  return sm_count * per_clock * clock_mhz * 1e6 / 1e12;
}

std::optional<Reference> reference_for(const CudaGpu& gpu, const NvmlGpu* nvml, const Metric& metric) {
  if (metric.kind == MetricKind::host_to_device || metric.kind == MetricKind::device_to_host) {
    return link_reference(gpu, nvml);
  }
  const ChipReference* chip = find_chip(gpu.name);
  if (chip == nullptr) return from_formula(gpu, metric);
  const Figure& figure =
      metric.kind == MetricKind::copy ? chip->memory : chip->gemm[static_cast<std::size_t>(metric.type)];
  if (figure.expected <= 0) return std::nullopt;
  return Reference{figure.expected, true, std::string("the table for ") + std::string(chip->names[0])};
}

}  // namespace gpu_smoke
