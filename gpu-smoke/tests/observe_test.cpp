#include "observe.h"

#include "check.h"
#include "fake_cuda.h"
#include "tests.h"
#include "verdict.h"

namespace gpu_smoke::test {
namespace {

class ScriptedNvml final : public Nvml {
 public:
  explicit ScriptedNvml(int gpus) {
    Evidence evidence = healthy();
    for (int i = 1; i < gpus; ++i) add_gpu(evidence);
    node_ = evidence.nvml;
  }
  NvmlNode open() override { return node_; }
  Health read_health(unsigned index) override {
    Health health = node_.gpus[index].before;
    health.temperature_celsius.value = 40 + static_cast<unsigned>(reads++);
    return health;
  }
  NvmlFacts read_facts(unsigned index) override { return node_.gpus[index].facts; }
  Sample sample(unsigned) override {
    return {{0, hot_looks > 0 && hot_looks-- > 0 ? 0x40U : 1U},
            {0, 500000},
            {0, 60},
            {0, 1700},
            {0, 5},
            {0, 16},
            {0, 0},
            {0, 0}};
  }
  int reads = 0;
  int hot_looks = 0;

 private:
  NvmlNode node_;
};

ObserveOptions small(Level level) {
  ObserveOptions options;
  options.level = level;
  options.gemm_size = 64;
  options.gemm_depth = 64;
  options.sustained_seconds = 0.2;
  options.cool_down_seconds = 0.01;
  options.kernel_log = "/nowhere";
  options.low_metrics = low_metrics;
  return options;
}

void quick_asks_little() {
  ScriptedNvml nvml(2);
  FakeCuda cuda(2);
  Board board;
  observe(nvml, cuda, small(Level::quick), board);
  const Evidence evidence = board.evidence();
  CHECK(cuda.asked("start") == 2 && cuda.asked("gemm") == 2);
  for (const char* what : {"memory", "exact", "transfer", "copy", "speed", "sustain", "peer"}) {
    CHECK_IN(what, cuda.asked(what) == 0);
  }
  CHECK(evidence.nvml.gpus[0].before.temperature_celsius.value == 40);
  CHECK(evidence.nvml.gpus[0].after.temperature_celsius.value == 42);
  CHECK(!evidence.kernel_log.readable && !evidence.kernel_log.error.empty());
  CHECK(judge(evidence, {}).verdict == Verdict::pass);
}

void standard_asks_everything_once() {
  ScriptedNvml nvml(2);
  FakeCuda cuda(2);
  Board board;
  observe(nvml, cuda, small(Level::standard), board);
  const Evidence evidence = board.evidence();
  CHECK(cuda.asked("memory") == 2 && cuda.asked("exact") == 14 && cuda.asked("transfer") == 4);
  CHECK(cuda.asked("copy") == 2 && cuda.asked("speed") == 14 && cuda.asked("sustain") == 2 && cuda.asked("peer") == 2);
  CHECK(evidence.cool_down_s == 0 && evidence.cuda.gpus[1].speeds.size() == 7);
  CHECK(evidence.nvml.gpus[1].sustained_samples.count >= 1 && evidence.nvml.gpus[1].transfer_samples.count >= 1);
  const Report report = judge(evidence, {});
  CHECK_IN(report.reason, report.verdict == Verdict::pass);
}

void heat_from_before_is_waited_for() {
  ScriptedNvml nvml(1);
  nvml.hot_looks = 2;
  FakeCuda cuda(1);
  Board board;
  ObserveOptions options = small(Level::standard);
  options.cool_down_seconds = 60;
  observe(nvml, cuda, options, board);
  CHECK(board.evidence().cool_start_s > 0.15 && board.evidence().cool_start_s < 0.25);
  CHECK(find_check(judge(board.evidence(), {}), "clocks").verdict == Verdict::pass);
}

// The first measurement is low, the second not.
class ColdCuda final : public FakeCuda {
 public:
  ColdCuda() : FakeCuda(1) {}
  BandwidthRun measure_copy(int gpu) override {
    BandwidthRun run = FakeCuda::measure_copy(gpu);
    if (asked("copy") == 1) run.attempts_gb_s = {1000};
    return run;
  }
};

void slow_is_tried_twice_and_says_so() {
  ScriptedNvml nvml(1);
  ColdCuda cuda;
  Board board;
  observe(nvml, cuda, small(Level::standard), board);
  const Evidence evidence = board.evidence();
  CHECK(cuda.asked("copy") == 2 && cuda.asked("speed") == 7);
  CHECK(evidence.cuda.gpus[0].copy.attempts_gb_s == (std::vector<double>{1000, 3000}) && evidence.cool_down_s > 0);
  const Check& check = find_check(judge(evidence, {}), "copy");
  CHECK_IN(check.reason, check.verdict == Verdict::pass && check.reason.find("two tries") != std::string::npos);
}

// Wrong once and right ever after, and dead in the second try.
class FlakyCuda final : public FakeCuda {
 public:
  FlakyCuda() : FakeCuda(1) {}
  GemmRun run_exact(int gpu, DataType type, const GemmProblem& problem) override {
    GemmRun run = FakeCuda::run_exact(gpu, type, problem);
    if (type == DataType::fp16 && asked("exact") <= 7) run.mismatches = 1;
    return run;
  }
  BandwidthRun measure_transfer(int gpu, bool to_device) override {
    BandwidthRun run = FakeCuda::measure_transfer(gpu, to_device);
    if (asked("transfer") <= 2) run.attempts_gb_s = {10};  // slow both ways, and the second try arrives wrong
    if (asked("transfer") > 2) run.wrong_bytes = 8;
    return run;
  }
  BandwidthRun measure_copy(int gpu) override {
    BandwidthRun run = FakeCuda::measure_copy(gpu);
    if (asked("copy") == 1) run.attempts_gb_s = {1000};
    if (asked("copy") == 2) run.code = cuda::kLaunchFailure;
    return run;
  }
};

void wrong_once_stays_wrong() {
  ScriptedNvml nvml(1);
  FlakyCuda cuda;
  Board board;
  ObserveOptions options = small(Level::burn_in);
  options.sustained_seconds = 3;  // time for a second round on a busy machine
  observe(nvml, cuda, options, board);
  CHECK(cuda.asked("sustain") >= 2 && cuda.asked("exact") >= 14 && cuda.asked("memory") >= 2);
  const Report report = judge(board.evidence(), {});
  CHECK(find_check(report, "exact-fp16").verdict == Verdict::fail);
  CHECK(find_check(report, "copy").cause == "gpu-fault");
  CHECK(find_check(report, "host-to-device").cause == "wrong-result");
}

void without_gpus_nothing_is_computed() {
  ScriptedNvml nvml(1);
  FakeCuda none(0);
  Board board;
  observe(nvml, none, small(Level::standard), board);
  CHECK(!board.evidence().reference_computed && board.evidence().cuda.built);
}

void the_board_says_what_is_going_on() {
  Board board;
  board.now(-1, "driver");
  CHECK(board.doing() == "driver");
  board.now(0, "memory");
  board.now(1, "memory");
  board.now(0, "");
  CHECK(board.doing() == "gpu 1 memory");
}

}  // namespace

void test_observe() {
  quick_asks_little();
  standard_asks_everything_once();
  heat_from_before_is_waited_for();
  slow_is_tried_twice_and_says_so();
  wrong_once_stays_wrong();
  without_gpus_nothing_is_computed();
  the_board_says_what_is_going_on();
}

}  // namespace gpu_smoke::test
