#include "deploy/rollout/blocks.h"

#include <doctest/doctest.h>

#include "tests/deploy/rollout/world.h"

using namespace mlctl;
using namespace mlctl::deploy;
using namespace mlctl::deploy::test;
using std::chrono::seconds;

namespace {

PodCounters counted(double requests) {
  return {requests, {RawCount{requests, requests}, RawCount{requests, requests}}};
}

}  // namespace

TEST_CASE("a pod whose counters began anew in the middle of a block is left out of it, however far it has come again") {
  struct Case {
    const char* what;
    std::vector<double> counts;  // of one of the stable pods, scrape by scrape
    double requests;             // of stable, in the block
  };
  for (const auto& c : std::vector<Case>{
           {"it goes on", {10, 20, 30, 40, 50}, 80},
           {"it began anew, and has counted more than before", {10, 0, 8, 20, 30}, 40},
           {"it began anew at the end", {10, 20, 30, 40, 5}, 40},
           {"it was away for a scrape", {10, 20, -1, 40, 50}, 40},
           {"it is new", {-1, 20, 30, 40, 50}, 40},
       }) {
    CAPTURE(c.what);
    auto state = fresh_rollout();
    state.phase = Phase::measuring;
    state.plan.config.block = seconds(60);
    for (std::size_t i = 0; i < c.counts.size(); ++i) {
      const auto other = 100.0 + 10.0 * static_cast<double>(i);
      Observation seen{.now = state.began + seconds(15 * i)};
      seen.scraped = true;
      seen.stable_counters["s1"] = seen.canary_counters["c0"] = counted(other);
      if (c.counts[i] >= 0) seen.stable_counters["s0"] = counted(c.counts[i]);
      take_scrape(state, seen);
    }
    CHECK(state.blocks == 1);
    CHECK(state.stable.requests == c.requests);
    CHECK(state.canary.requests == 40);
  }
}
