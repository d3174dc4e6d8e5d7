// What servers do with GPUs, from samples to a verdict; and the driver's library, by one that is played.
#include "validate/gpu_watch.h"

#include <chrono>
#include <cstdlib>
#include <doctest/doctest.h>
#include <unistd.h>

#include "base/process.h"

using namespace mlctl;
using namespace mlctl::validate;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t GiB = 1ULL << 30U;

GpuSample held(std::optional<std::uint64_t> candidate, std::optional<std::uint64_t> baseline = {}) {
  GpuSample out;
  out.held = {candidate, baseline};
  return out;
}

}  // namespace

TEST_CASE("an arm holds what all processes of its server's session hold on all GPUs") {
  const std::vector<GpuReading> gpus{{.name = "a", .processes = {{10, GiB}, {11, GiB}, {20, 3 * GiB}, {30, 9 * GiB}}},
                                     {.name = "b", .processes = {{11, 2 * GiB}}}};
  const auto sample = gpu_sample(1s, gpus, {10, 20}, [](int pid) { return pid / 10 * 10; });
  CHECK(sample.held[0] == 4 * GiB);
  CHECK(sample.held[1] == 3 * GiB);
  CHECK(!gpu_sample(1s, gpus, {40, 0}, [](int pid) { return pid / 10 * 10; }).held[0]);
  CHECK(!gpu_sample(1s, gpus, {40, 0}, [](int) { return 0; }).held[1]);  // no baseline is nobody's session
}

TEST_CASE("memory is judged by the most that was held at once, and never passes where it is not known") {
  struct Case {
    const char* what;
    GpuMemoryConfig config;
    std::vector<GpuSample> samples;
    bool compare;
    Verdict verdict;
    const char* reason;
  };
  const GpuMemoryConfig limit{.limit = 4.0 * GiB, .more = {}}, more{.limit = 0, .more = 0.1};
  for (const auto& c : std::vector<Case>{
           {"below the limit", limit, {held(GiB), held(4 * GiB), held({})}, false, Verdict::pass, "it holds 4.0 GiB"},
           {"once above it",
            limit,
            {held(GiB), held(4 * GiB + 1), held(GiB)},
            false,
            Verdict::fail,
            "it holds 4.0 GiB, more than the limit of 4.0 GiB"},
           {"30 % more than the baseline",
            more,
            {held(13 * GiB, 10 * GiB)},
            true,
            Verdict::fail,
            "it holds 13.0 GiB, the baseline 10.0 GiB (30 % more): more than 10 % above it"},
           {"just as much more as may be",
            more,
            {held(11 * GiB, 10 * GiB)},
            true,
            Verdict::pass,
            "it holds 11.0 GiB, the baseline 10.0 GiB (10 % more)"},
           {"less",
            more,
            {held(5 * GiB, 10 * GiB)},
            true,
            Verdict::pass,
            "it holds 5.0 GiB, the baseline 10.0 GiB (-50 %)"},
           {"the limit counts beside a baseline",
            {.limit = 4.0 * GiB, .more = 0.5},
            {held(5 * GiB, 10 * GiB)},
            true,
            Verdict::fail,
            "it holds 5.0 GiB, more than the limit of 4.0 GiB"},
           {"a first version, and nothing but a comparison",
            more,
            {held(GiB)},
            false,
            Verdict::skipped,
            "first version"},
           {"a first version within its limit",
            {.limit = 4.0 * GiB, .more = 0.1},
            {held(GiB)},
            false,
            Verdict::pass,
            "it holds 1.0 GiB"},
           {"nothing told of the candidate",
            limit,
            {held({}, GiB)},
            true,
            Verdict::inconclusive,
            "the driver names no process of the candidate's server: it uses no GPU, or the driver counts pids of "
            "another "
            "namespace"},
           {"nothing told of the baseline",
            more,
            {held(GiB)},
            true,
            Verdict::inconclusive,
            "it holds 1.0 GiB, and the baseline's server nothing that the driver tells of"},
           {"a baseline without memory",
            more,
            {held(GiB, 0)},
            true,
            Verdict::inconclusive,
            "it holds 1.0 GiB, and the baseline's server nothing that the driver tells of"},
           {"no sample",
            limit,
            {},
            false,
            Verdict::inconclusive,
            "the driver names no process of the candidate's server: it uses no GPU, or the driver counts pids of "
            "another "
            "namespace"},
       }) {
    CAPTURE(c.what);
    const auto check = judge_gpu_memory(c.config, c.samples, c.compare);
    CHECK(check.verdict == c.verdict);
    CHECK(check.reason == c.reason);
  }
}

TEST_CASE("the report says under which clocks and how busy the GPUs were, and draws the memory") {
  GpuSample first{
      .at = 0s, .gpus = {{.name = "H100", .used = GiB, .busy = 0.5, .clock = 1980, .most_clock = 1980}}, .held = {}};
  GpuSample second{
      .at = 1s, .gpus = {{.name = "H100", .used = GiB, .busy = 0.7, .clock = 1500, .most_clock = 1980}}, .held = {}};
  second.held = {3 * GiB, 2 * GiB};
  const std::vector<GpuSample> samples{first, second};
  CHECK(gpu_conditions(samples) ==
        std::map<std::string, std::string>{{"gpu 0", "H100, 60 % busy, 1,740 of 1,980 MHz"}});
  const auto series = gpu_series(samples, true);
  std::vector<std::string> titles;
  for (const auto& one : series) titles.push_back(one.title + ", " + one.name);
  CHECK(titles == std::vector<std::string>{"GPU busy, gpu 0", "GPU clock, gpu 0", "GPU memory in use, gpu 0",
                                           "GPU memory of each version, candidate",
                                           "GPU memory of each version, baseline"});
  CHECK(series[0].points.size() == 2);
  CHECK(series[0].points[1].y == doctest::Approx(70));
  CHECK(series[1].points[1].y == 1500);
  REQUIRE(series[3].points.size() == 1);  // of the first sample nobody tells
  CHECK(series[3].points[0].x == 1);
  CHECK(series[3].points[0].y == 3);
  CHECK(gpu_series(samples, false).size() == 4);
  CHECK(gpu_conditions({}).empty());
  CHECK(gpu_conditions({{.at = 0s, .gpus = {{.name = "MIG 1g"}}, .held = {}}}).at("gpu 0") == "MIG 1g");
}

TEST_CASE("the driver's library is asked, and one that is not there or knows no GPU is none") {
  CHECK(open_gpu_driver("libno-such-driver.so.1") == nullptr);
  CHECK(open_gpu_driver("libm.so.6") == nullptr);  // a library of another kind
  const char* fake = std::getenv("MLCTL_FAKE_NVML");
  if (fake == nullptr) {
    MESSAGE("skipped: MLCTL_FAKE_NVML names no library");
    return;
  }
  auto driver = open_gpu_driver(fake);
  REQUIRE(driver);
  const auto gpus = driver->read();
  REQUIRE(gpus.size() == 2);
  CHECK(gpus[0].name == "Fake H100");
  CHECK(gpus[0].used == 5 * GiB);
  CHECK(gpus[0].busy == 0.62);
  CHECK(gpus[0].clock == 1740);
  CHECK(gpus[0].processes == std::map<int, std::uint64_t>{{::getpid(), 3 * GiB}});  // the other keeps its share secret
  CHECK(gpus[1].name == "Fake H100");
  CHECK(!gpus[1].busy);
  CHECK(!gpus[1].used);
  CHECK(!gpus[1].clock);
  CHECK(gpus[1].processes.empty());

  // A session that began in another pid namespace, as a container's may have, has no number here: a child makes its
  // own.
  auto server = ChildProcess::start({.command = {"sleep", "60"}, .environment = {}, .folder = {}, .input = {}});
  REQUIRE(server);
  ::setenv("FAKE_NVML_PID", std::to_string(server->pid()).c_str(), 1);
  GpuWatch watch(*driver, {server->pid(), 0});
  const auto samples = watch.end();
  ::unsetenv("FAKE_NVML_PID");
  REQUIRE(!samples.empty());
  CHECK(samples.front().held[0] == 3 * GiB);
  CHECK(watch.end().empty());

  ::setenv("FAKE_NVML", "none", 1);
  CHECK(open_gpu_driver(fake) == nullptr);
  ::unsetenv("FAKE_NVML");
}
