#include "metrics.h"

#include <algorithm>

namespace gpu_smoke {

double best(const std::vector<double>& attempts) {
  return attempts.empty() ? 0 : *std::max_element(attempts.begin(), attempts.end());
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

std::vector<Metric> metrics_of(const CudaGpu& gpu) {
  std::vector<Metric> metrics;
  const auto add = [&metrics](MetricKind kind, const char* name, const BandwidthRun& run) {
    if (run.code != cuda::kSuccess || run.attempts_gb_s.empty()) return;
    metrics.push_back(
        {kind, DataType::int8, name, "GB/s", best(run.attempts_gb_s), run.attempts_gb_s.size() > 1, false});
  };
  add(MetricKind::host_to_device, "host-to-device", gpu.host_to_device);
  add(MetricKind::device_to_host, "device-to-host", gpu.device_to_host);
  add(MetricKind::copy, "copy", gpu.copy);
  for (const auto& run : gpu.speeds) {
    if (run.code != cuda::kSuccess || run.attempts_tflops.empty()) continue;
    const std::string name = std::string("gemm-") + info(run.type).name + " (" + run.engine + ")";
    metrics.push_back({MetricKind::gemm, run.type, name, "TFLOPS", best(run.attempts_tflops),
                       run.attempts_tflops.size() > 1, run.engine == kOwnEngine});
  }
  return metrics;
}

}  // namespace gpu_smoke
