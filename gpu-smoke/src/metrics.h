// The measured speeds of a GPU by name: what references, peers and history are compared with.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "evidence.h"

namespace gpu_smoke {

enum class MetricKind { host_to_device, device_to_host, copy, gemm };

struct Metric {
  MetricKind kind = MetricKind::copy;
  DataType type = DataType::int8;  // of a gemm
  std::string name;                // "copy", "gemm-bf16 (own)": measurements of one name can be compared
  const char* unit = "GB/s";
  double value = 0;  // the best attempt
  bool retried = false;
  bool own_kernel = false;  // correct first and fast second: not held against the table
};

// Of those that ran.
[[nodiscard]] std::vector<Metric> metrics_of(const CudaGpu& gpu);

struct LowMetric {
  int ordinal = 0;
  MetricKind kind = MetricKind::copy;
  DataType type = DataType::int8;
};

[[nodiscard]] double best(const std::vector<double>& attempts);  // 0 for none
[[nodiscard]] double median(std::vector<double> values);         // 0 for none

}  // namespace gpu_smoke
