// How fast a type multiplies: by cublasLt where it is there, else by our own kernel, which the report says.
#include <algorithm>

#include "cublaslt.h"
#include "cuda_runs.h"
#include "cuda_support.h"
#include "kernels.h"
#include "metrics.h"

namespace gpu_smoke {
namespace {

constexpr int kSizes[] = {1024, 2048, 4096, 8192};
constexpr int kSamples = 7;  // of which the median counts
constexpr double kSampleMilliseconds = 20;
constexpr double kLongEnough = 2;  // milliseconds of one product: a larger one would only take longer
constexpr std::uint64_t kSeed = 20260103;

struct Operands {
  DeviceBuffer a;
  DeviceBuffer b;
  DeviceBuffer c;
};

// Room for the largest square product that a quarter of the free memory holds; 0 when there is none.
int largest_size(DataType type, std::size_t free) {
  int largest = 0;
  for (const int size : kSizes) {
    const auto elements = static_cast<std::size_t>(size) * static_cast<std::size_t>(size);
    const std::size_t bytes =
        elements * static_cast<std::size_t>(2 * info(type).bytes + (type == DataType::fp64 ? 8 : 4));
    if (bytes <= free / 4) largest = size;
  }
  return largest;
}

bool allocate(Steps& steps, DataType type, int size, Operands& operands) {
  const auto elements = static_cast<std::size_t>(size) * static_cast<std::size_t>(size);
  const std::size_t bytes = elements * static_cast<std::size_t>(info(type).bytes);
  return steps.ok("allocate A", operands.a.allocate(bytes)) && steps.ok("allocate B", operands.b.allocate(bytes)) &&
         steps.ok("allocate C", operands.c.allocate(elements * (type == DataType::fp64 ? 8 : 4))) &&
         steps.ok("fill A", launch_normal(type, operands.a.as(), elements, kSeed)) &&
         steps.ok("fill B", launch_normal(type, operands.b.as(), elements, kSeed + elements)) &&
         steps.ok("fill", cudaDeviceSynchronize());
}

}  // namespace

SpeedRun run_speed(const Chip& chip, DataType type) {
  SpeedRun run;
  run.type = type;
  Steps steps(run);
  if (!supports(chip.major, chip.minor, type)) {
    run.skipped = "this chip has no " + std::string(info(type).name);
    return run;
  }
  if (type == DataType::fp8 && !kHasFp8Kernel && cublaslt_name() == nullptr) {
    run.skipped = "built with a toolkit before CUDA 12.4, and no cublasLt here";
    return run;
  }
  std::size_t free = 0;
  std::size_t total = 0;
  if (!steps.ok("ask for free memory", cudaMemGetInfo(&free, &total))) return run;
  const int largest = largest_size(type, free);
  if (largest == 0) {
    steps.ok("allocate", cudaErrorMemoryAllocation);
    return run;
  }
  Operands operands;
  if (!allocate(steps, type, largest, operands)) return run;
  const bool tensor_cores = uses_tensor_cores(chip.major, type);
  Product product{operands.a.as(), operands.b.as(), operands.c.as(), 0, 0, 0, 1, nullptr};
  std::unique_ptr<LtProduct> fast;
  const auto launch = [&] { return fast ? fast->launch() : launch_product(type, tensor_cores, product); };
  double milliseconds = 0;
  for (const int size : kSizes) {
    if (size > largest || milliseconds > kLongEnough) break;
    product.rows = product.columns = product.depth = size;
    fast = LtProduct::plan(type, false, product);
    if (!time_launches(steps, "warm up", 1, launch, milliseconds)) return run;
    if (!time_launches(steps, "the product", 1, launch, milliseconds)) return run;
  }
  run.rows = run.columns = run.depth = product.rows;
  run.engine = fast ? "cublasLt" : kOwnEngine;
  const int count = std::clamp(static_cast<int>(kSampleMilliseconds / std::max(milliseconds, 1e-3)), 1, 10000);
  std::vector<double> speeds;
  const double operations = 2.0 * product.rows * product.columns * product.depth;
  for (int sample = 0; sample < kSamples; ++sample) {
    if (!time_launches(steps, "the product", count, launch, milliseconds)) return run;
    speeds.push_back(operations / milliseconds / 1e9);
  }
  run.attempts_tflops.push_back(median(speeds));
  return run;
}

}  // namespace gpu_smoke
