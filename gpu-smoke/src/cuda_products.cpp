// Exact products: run once, brought back whole, and compared on the CPU. The GPU judges nothing here.
#include <algorithm>
#include <set>

#include "cuda_runs.h"
#include "cuda_support.h"
#include "kernels.h"

namespace gpu_smoke {
namespace {

struct Work {
  DataType type = DataType::int8;
  bool integer_units = false;  // instead of tensor cores
  bool tensor_cores = false;
  int copies = 1;
};

GemmRun describe(const GemmProblem& problem, const Work& work) {
  GemmRun run;
  run.type = work.type;
  run.rows = problem.m;
  run.columns = problem.n;
  run.depth = problem.k;
  run.seed = problem.seed;
  run.copies = work.copies;
  return run;
}

cudaError_t launch(const Work& work, const Product& product) {
  if (work.integer_units) return launch_integer_product(product);
  const int blocks = product.rows / kProductBlock * (product.columns / kProductBlock) * product.copies;
  const cudaError_t injected = inject_before_product(work.type, blocks);
  return injected != cudaSuccess ? injected : launch_product(work.type, work.tensor_cores, product);
}

cudaError_t upload(DeviceBuffer& buffer, const std::vector<std::uint8_t>& bytes) {
  const cudaError_t allocated = buffer.allocate(bytes.size());
  if (allocated != cudaSuccess) return allocated;
  return cudaMemcpy(buffer.as(), bytes.data(), bytes.size(), cudaMemcpyHostToDevice);
}

int count_different(const std::vector<unsigned>& sms) {
  return static_cast<int>(std::set<unsigned>(sms.begin(), sms.end()).size());
}

GemmRun run_product(const GemmProblem& problem, const Work& work) {
  GemmRun run = describe(problem, work);
  Steps steps(run);
  DeviceBuffer a;
  DeviceBuffer b;
  DeviceBuffer c;
  DeviceBuffer sms;
  std::vector<std::uint8_t> actual(problem.expected.size() * static_cast<std::size_t>(work.copies) *
                                   static_cast<std::size_t>(result_bytes(work.type)));
  const bool has_sms = !work.integer_units;
  const std::size_t blocks = problem.expected.size() / kProductBlock / kProductBlock;
  std::vector<unsigned> where(has_sms ? blocks * static_cast<std::size_t>(work.copies) : 0);
  if (!steps.ok("upload A", upload(a, encode(problem.a, work.type)))) return run;
  if (!steps.ok("upload B", upload(b, encode(problem.b, work.type)))) return run;
  if (!steps.ok("allocate C", c.allocate(actual.size()))) return run;
  if (has_sms && !steps.ok("allocate the SM numbers", sms.allocate(where.size() * sizeof(unsigned)))) return run;
  // Poison: no right result has these bytes, so that a part that was never written is wrong.
  if (!steps.ok("fill C", cudaMemset(c.as(), kPoison & 0xff, actual.size()))) return run;
  if (has_sms && !steps.ok("clear the SM numbers", cudaMemset(sms.as(), 0, where.size() * sizeof(unsigned))))
    return run;
  const Product product{a.as(), b.as(), c.as(), problem.m, problem.n, problem.k, work.copies, sms.as<unsigned>()};
  if (!time_launches(steps, "the product", 1, [&] { return launch(work, product); }, run.kernel_ms)) return run;
  if (!steps.ok("inject a fault", inject_after_product(work.type, c.as(), actual.size()))) return run;
  if (!steps.ok("copy C back", cudaMemcpy(actual.data(), c.as(), actual.size(), cudaMemcpyDeviceToHost))) return run;
  if (has_sms) {
    const std::size_t bytes = where.size() * sizeof(unsigned);
    if (!steps.ok("copy SM numbers back", cudaMemcpy(where.data(), sms.as(), bytes, cudaMemcpyDeviceToHost)))
      return run;
    run.sms_covered = count_different(where);
  }
  const Comparison comparison = compare(problem, work.type, work.copies, actual);
  run.mismatches = comparison.mismatches;
  run.first_row = comparison.first_row;
  run.first_column = comparison.first_column;
  run.expected = comparison.expected;
  run.actual = comparison.actual;
  return run;
}

}  // namespace

GemmRun run_integer_product(const GemmProblem& problem) {
  return run_product(problem, {.type = DataType::int8, .integer_units = true});
}

GemmRun run_exact_product(const Chip& chip, DataType type, const GemmProblem& problem) {
  // Four blocks for each SM, so that every one has work whatever the scheduler does.
  const int blocks = problem.m / kProductBlock * (problem.n / kProductBlock);
  const int copies = std::max(1, (4 * chip.sm_count + blocks - 1) / std::max(blocks, 1));
  const Work work{type, false, uses_tensor_cores(chip.major, type), copies};
  const bool has_kernel = type != DataType::fp8 || kHasFp8Kernel;
  if (supports(chip.major, chip.minor, type) && has_kernel) return run_product(problem, work);
  GemmRun run = describe(problem, work);
  if (!has_kernel) {
    run.skipped = "built with a toolkit before CUDA 12.4, which has no fp8 in mma";
    return run;
  }
  run.skipped = "compute capability " + std::to_string(chip.major) + "." + std::to_string(chip.minor) + " has no " +
                info(type).name;
  return run;
}

}  // namespace gpu_smoke
