// The sustained load: one large product over and over, every result checked on the device by element and on the
// CPU by digest, so that neither a GPU that computes wrongly nor one that compares wrongly passes.
#include <algorithm>
#include <chrono>
#include <cmath>

#include "cublaslt.h"
#include "cuda_runs.h"
#include "cuda_support.h"
#include "kernels.h"
#include "memory_pattern.h"

namespace gpu_smoke {
namespace {

constexpr std::size_t kRoomy = 2U << 30U;  // free bytes for the larger size
constexpr int kLargeSize = 8192;
constexpr int kSmallSize = 2048;
constexpr int kMaxBatch = 256;
constexpr double kBatchSeconds = 0.25;  // between looks at the clock

class SustainedLoad {
 public:
  SustainedLoad(const Chip& chip, const GemmProblem& problem, SustainedRun& run)
      : chip_(chip), problem_(problem), run_(run), steps_(run) {}

  bool prepare() {
    run_.type = supports(chip_.major, chip_.minor, DataType::bf16) ? DataType::bf16 : DataType::fp16;
    std::size_t free = 0;
    std::size_t total = 0;
    if (!steps_.ok("ask for free memory", cudaMemGetInfo(&free, &total))) return false;
    size_ = free > kRoomy ? kLargeSize : kSmallSize;
    results_bytes_ = sizeof(float) * static_cast<std::size_t>(size_) * static_cast<std::size_t>(size_);
    const std::size_t expected_bytes = problem_.expected.size() * sizeof(std::int32_t);
    if (!upload_repeated(a_, problem_.a) || !upload_repeated(b_, problem_.b)) return false;
    if (!steps_.ok("allocate C", c_.allocate(results_bytes_))) return false;
    if (!steps_.ok("allocate the reference", expected_.allocate(expected_bytes))) return false;
    if (!steps_.ok("upload the reference",
                   cudaMemcpy(expected_.as(), problem_.expected.data(), expected_bytes, cudaMemcpyHostToDevice))) {
      return false;
    }
    if (!steps_.ok("allocate the counts", errors_.allocate(sizeof(OutputErrors) * kMaxBatch))) return false;
    product_ = Product{a_.as(), b_.as(), c_.as(), size_, size_, problem_.k, 1, nullptr};
    fast_ = LtProduct::plan(run_.type, true, product_);
    run_.engine = fast_ ? "cublasLt" : kOwnEngine;
    run_.expected_digest = expected_digest(problem_, size_, size_);
    return true;
  }

  // Until the time is over, and at least once.
  void work(double seconds) {
    using Clock = std::chrono::steady_clock;
    const auto start = Clock::now();
    int batch = 1;
    do {
      const auto batch_start = Clock::now();
      if (!run_batch(batch)) return;
      const double one = std::chrono::duration<double>(Clock::now() - batch_start).count() / batch;
      batch = std::clamp(static_cast<int>(kBatchSeconds / std::max(one, 1e-6)), 1, kMaxBatch);
      run_.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    } while (run_.seconds < seconds);
    const double operations = 2.0 * size_ * size_ * problem_.k * static_cast<double>(run_.iterations);
    run_.tflops = operations / run_.seconds / 1e12;
  }

 private:
  // The small problem's rows again and again: the large product is then the small one's, repeated.
  bool upload_repeated(DeviceBuffer& buffer, const std::vector<std::int8_t>& values) {
    const auto bytes = encode(values, run_.type);
    const std::size_t repeats = static_cast<std::size_t>(size_ / problem_.m);
    if (problem_.m != problem_.n || repeats == 0) return steps_.ok("choose a size", cudaErrorInvalidValue);
    if (!steps_.ok("allocate an operand", buffer.allocate(bytes.size() * repeats))) return false;
    for (std::size_t i = 0; i < repeats; ++i) {
      char* to = buffer.as<char>() + i * bytes.size();
      if (!steps_.ok("upload an operand", cudaMemcpy(to, bytes.data(), bytes.size(), cudaMemcpyHostToDevice))) {
        return false;
      }
    }
    return true;
  }

  bool run_batch(int batch) {
    const std::size_t bytes = sizeof(OutputErrors) * static_cast<std::size_t>(batch);
    if (!steps_.ok("clear the counts", cudaMemsetAsync(errors_.as(), 0, bytes, nullptr))) return false;
    for (int i = 0; i < batch; ++i) {
      // Poison, so that yesterday's right result is not taken for today's.
      if (!steps_.ok("fill C", cudaMemsetAsync(c_.as(), kPoison & 0xff, results_bytes_, nullptr))) return false;
      if (!steps_.ok("the product", fast_ ? fast_->launch() : launch_product(run_.type, true, product_))) return false;
      if (!steps_.ok("inject a fault", inject_sustained_fault(c_.as(), results_bytes_))) return false;
      if (!steps_.ok("check the product",
                     launch_check_output(c_.as<float>(), expected_.as<int>(), size_, size_, problem_.m, chip_.sm_count,
                                         errors_.as<OutputErrors>() + i))) {
        return false;
      }
    }
    std::vector<OutputErrors> found(static_cast<std::size_t>(batch));
    if (!steps_.ok("wait for the products", cudaMemcpy(found.data(), errors_.as(), bytes, cudaMemcpyDeviceToHost))) {
      return false;
    }
    for (const auto& one : found) count(one);
    return true;
  }

  void count(const OutputErrors& found) {
    ++run_.iterations;
    run_.mismatches += found.mismatches;
    const bool digest_is_right = found.digest == run_.expected_digest;
    if (found.mismatches == 0 && digest_is_right) return;
    if (run_.wrong_iterations++ == 0) run_.wrong_digest = found.digest;
  }

  const Chip& chip_;
  const GemmProblem& problem_;
  SustainedRun& run_;
  Steps steps_;
  int size_ = 0;
  std::size_t results_bytes_ = 0;
  DeviceBuffer a_;
  DeviceBuffer b_;
  DeviceBuffer c_;
  DeviceBuffer expected_;
  DeviceBuffer errors_;
  Product product_;
  std::unique_ptr<LtProduct> fast_;
};

}  // namespace

SustainedRun run_sustained(const Chip& chip, double seconds, const GemmProblem& problem) {
  SustainedRun run;
  SustainedLoad load(chip, problem, run);
  if (load.prepare()) load.work(seconds);
  return run;
}

}  // namespace gpu_smoke
