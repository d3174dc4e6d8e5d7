// What a chip should reach. Datasheet peaks are dense (no sparsity); what a check is held against is `expected`:
// measured in practice where that is known, else a cautious share of the peak.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "metrics.h"

namespace gpu_smoke {

struct Figure {
  double datasheet = 0;  // TFLOPS, or GB/s for memory; 0: the chip has none, or none worth a check
  double expected = 0;   // what a healthy one reaches
};

struct ChipReference {
  std::string_view names[2];  // exactly as the driver says; variants with other limits are other chips
  Figure memory;              // a copy: bytes read and written
  Figure gemm[7];             // by DataType
};

[[nodiscard]] const ChipReference* find_chip(std::string_view name);
// For the tests: every row.
[[nodiscard]] std::size_t chip_count();
[[nodiscard]] const ChipReference& chip_at(std::size_t index);

struct Reference {
  double expected = 0;
  bool from_table = false;  // the chip is known; otherwise from a formula, which only warns
  std::string source;       // for people
};

// Nothing where neither the table nor the formulas say anything about the metric.
[[nodiscard]] std::optional<Reference> reference_for(const CudaGpu& gpu, const NvmlGpu* nvml, const Metric& metric);

// One direction of a PCIe link, before any loss: GB/s.
[[nodiscard]] double pcie_peak_gb_s(unsigned generation, unsigned lanes);
// Dense peak of the tensor cores for fp16 by the formula; 0 for an unknown capability.
[[nodiscard]] double formula_fp16_tflops(int major, int minor, int sm_count, int clock_mhz);

inline constexpr double kFailBelow = 0.75;  // of what is expected
inline constexpr double kWarnBelow = 0.90;
inline constexpr double kPeerFailBelow = 0.90;  // of the best peer, and of this GPU's own history
inline constexpr double kPeerWarnBelow = 0.95;

}  // namespace gpu_smoke
