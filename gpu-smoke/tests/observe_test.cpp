#include "observe.h"

#include "check.h"
#include "tests.h"

namespace gpu_smoke::test {
namespace {

class ScriptedNvml final : public Nvml {
 public:
  NvmlNode open() override { return healthy().nvml; }
  Health read_health(unsigned) override {
    Health health = healthy().nvml.gpus[0].before;
    health.temperature_celsius.value = 40 + static_cast<unsigned>(reads++);
    return health;
  }
  int reads = 0;
};

class ScriptedCuda final : public Cuda {
 public:
  explicit ScriptedCuda(int gpus) : gpus_(gpus) {}
  bool built() const override { return true; }
  CudaNode open() override {
    CudaNode node{true, 0, 13000, 13050, {}};
    for (int i = 0; i < gpus_; ++i) node.gpus.push_back({i, "", "", 9, 0, 1, 1, {}});
    return node;
  }
  GemmRun run_gemm(int ordinal, const GemmProblem& problem) override {
    asked.push_back(ordinal);
    CHECK(compare(problem, problem.expected).mismatches == 0);
    return {};
  }
  std::vector<int> asked;

 private:
  int gpus_;
};

}  // namespace

void test_observe() {
  ScriptedNvml nvml;
  ScriptedCuda two(2);
  std::vector<Evidence> published;
  const ObserveOptions small{64, 64, 64, 1};
  const Evidence evidence = observe(nvml, two, small, [&](const Evidence& e) { published.push_back(e); });
  CHECK(two.asked == (std::vector<int>{0, 1}));
  CHECK(evidence.nvml.gpus[0].before.temperature_celsius.value == 40);
  CHECK(evidence.nvml.gpus[0].after.temperature_celsius.value == 41);
  CHECK(evidence.reference_verified && evidence.gemm_k == 64);
  CHECK(published.front().cuda.built && published.front().cuda.code == cuda::kNotAsked);
  CHECK(published.size() == 6);

  ScriptedCuda none(0);
  CHECK(!observe(nvml, none, small, [](const Evidence&) {}).reference_computed);
}

}  // namespace gpu_smoke::test
