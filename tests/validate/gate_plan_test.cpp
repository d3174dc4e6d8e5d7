#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "validate/gate.h"

using namespace mlctl;
using namespace mlctl::validate;
using namespace std::chrono_literals;

namespace {

GateConfig asking(std::vector<const char*> limits, std::vector<std::pair<const char*, double>> slower,
                  Duration duration = 3min, double rate = 60) {
  GateConfig config;
  config.load = LoadConfig{};
  config.load->duration = duration;
  config.load->rate = rate;
  config.parity = ParityConfig{.cases = "golden.json", .absolute = 0, .relative = 0};
  for (const auto* name : limits) config.limits.push_back({*find_quantile(name), 50ms});
  for (const auto& [name, share] : slower) config.slower.push_back({*find_quantile(name), share});
  return config;
}

GateConfig errors(double limit, Duration duration, double rate) {
  auto config = asking({}, {}, duration, rate);
  config.errors = limit;
  return config;
}

}  // namespace

TEST_CASE("what a load can decide") {
  struct Case {
    const char* name;
    GateConfig config;
    bool baseline;
    const char* refusal;  // "": accepted
    const char* hint;
  };
  for (const auto& c : std::vector<Case>{
           {"p99 against a limit in three minutes", asking({"p99"}, {}), true, "", ""},
           {"p50 against the baseline in three minutes", asking({}, {{"p50", 0.1}}), true, "", ""},
           {"p99.9 needs 2995 requests to each: not in a minute", asking({"p99.9"}, {}, 60s), true,
            "gate.latency.limit.p99.9 needs 2995 requests to each version: at 60/s at least 2m",
            "gate.load.duration: 2m"},
           {"the same to one version only: a minute", asking({"p99.9"}, {}, 60s), false, "", ""},
           {"a tail against the baseline needs many more", asking({}, {{"p99.9", 0.1}}), true,
            "gate.latency.slower.p99.9 needs", "gate.load.duration: "},
           {"a small difference needs many more", asking({}, {{"p50", 0.01}}), true, "gate.latency.slower.p50", ""},
           {"blocks are counted, not only requests", asking({}, {{"p50", 0.5}}, 10s, 1000), true, "at least 40s",
            "gate.load.duration: 40s"},
           {"without a baseline nothing is compared", asking({}, {{"p50", 0.01}}), false, "", ""},
           {"one failure in a hundred is not told from none in four seconds", errors(0.01, 4s, 30), false,
            "gate.errors.limit 1 % needs 299 requests to each version: at 30/s at least 20s",
            "gate.load.duration: 20s"},
           {"in twelve it is", errors(0.01, 12s, 30), false, "", ""},
           {"not to two versions", errors(0.01, 12s, 30), true, "gate.errors.limit 1 % needs 299", "30s"},
           {"one in two is told soon", errors(0.5, 1s, 30), false, "", ""},
           {"no load tells so little", errors(1e-18, 4s, 30), false, "no load can tell so small a share", "0.01%"},
           {"a rate of hours a request", errors(0.01, 4s, 0.0001), false, "at 0.0001/s at least", "m"},
           {"that nothing may fail is never known", errors(0, 4s, 30), false, "", ""},
           {"a load of days", asking({}, {}, 100h, 1000), false, "more than 20,000,000", "lower"},
           {"nothing is allowed to differ", asking({}, {{"p50", 0}}), true, "above zero", ""},
       }) {
    CAPTURE(c.name);
    const auto plan = plan_gate(c.config, c.baseline);
    if (std::string(c.refusal).empty()) {
      CHECK_MESSAGE(plan, plan.error().message);
      continue;
    }
    REQUIRE_FALSE(plan);
    CHECK(plan.error().kind == Error::Kind::usage);
    CHECK_MESSAGE(plan.error().message.find(c.refusal) != std::string::npos, plan.error().message);
    CHECK_MESSAGE(plan.error().hint.find(c.hint) != std::string::npos, plan.error().hint);
  }
}

TEST_CASE("a refused plan's hint is accepted") {
  auto config = asking({"p99.9"}, {{"p95", 0.1}}, 20s);
  REQUIRE_FALSE(plan_gate(config, true));
  config.load->duration = 2min;
  CHECK(plan_gate(config, true));
}

TEST_CASE("load needs something to send") {
  auto config = asking({}, {});
  config.parity.reset();
  const auto plan = plan_gate(config, false);
  REQUIRE_FALSE(plan);
  CHECK(plan.error().hint.find("gate.parity.cases") != std::string::npos);
}

TEST_CASE("a plan says what it will do") {
  const auto plan = plan_gate(asking({"p99"}, {}), true);
  REQUIRE(plan);
  CHECK(plan->compare);
  CHECK(plan->requests_per_arm == 5400);
  CHECK(plan->longest == 185s);
  GateConfig nothing;
  CHECK(plan_gate(nothing, true)->longest == 0s);
}
