#include "sampler.h"

#include <atomic>
#include <thread>

#include "check.h"
#include "tests.h"

namespace gpu_smoke::test {
namespace {

using namespace std::chrono_literals;

class RisingNvml final : public Nvml {
 public:
  NvmlNode open() override { return {}; }
  Health read_health(unsigned) override { return {}; }
  NvmlFacts read_facts(unsigned) override { return {}; }
  Sample sample(unsigned) override {
    const unsigned n = count++;
    return {{0, n % 2 == 0 ? 0x40U : 0x80U}, {0, 100000 + n}, {0, 50 + n},      {0, 1000},
            {0, n == 2 ? 5U : 1U},           {0, 16},         {0, 1000ULL * n}, {nvml::kNotSupported, 0}};
  }
  std::atomic<unsigned> count = 0;
};

void samples_are_taken_while_work_goes_on() {
  RisingNvml nvml;
  const auto work = [&nvml] {
    while (nvml.count < 4) std::this_thread::yield();
  };
  const Samples samples = sample_during(nvml, 0, work, 1ms);
  CHECK(samples.count >= 3 && samples.count + 1 == nvml.count);
  CHECK(samples.hw_thermal_count + samples.power_brake_count == samples.count && samples.power_cap_count == 0);
  CHECK(samples.hw_thermal_ns.value == 1000ULL * samples.count && !samples.power_brake_ns.ok());
  CHECK(samples.window_ns > 0 && samples.temperature_celsius.low == 51);
  CHECK(samples.pcie_generation.value == 5 && samples.pcie_width.value == 16);
}

void without_nvml_the_work_is_done_all_the_same() {
  RisingNvml nvml;
  bool done = false;
  CHECK(sample_during(nvml, std::nullopt, [&done] { done = true; }).count == 0 && done && nvml.count == 0);
}

void spreads_are_of_what_was_read() {
  Samples samples;
  for (const unsigned watts : {300U, 100U, 200U}) {
    Sample sample;
    sample.power_mw = {0, watts * 1000};
    add_sample(samples, sample);
  }
  CHECK(samples.power_watts.low == 100 && samples.power_watts.high == 300);
  CHECK(samples.power_watts.mean > 199.9 && samples.power_watts.mean < 200.1);
  add_sample(samples, {});
  CHECK(samples.count == 4 && samples.power_watts.low == 100 && !samples.pcie_width.ok());
}

}  // namespace

void test_sampler() {
  samples_are_taken_while_work_goes_on();
  without_nvml_the_work_is_done_all_the_same();
  spreads_are_of_what_was_read();
}

}  // namespace gpu_smoke::test
