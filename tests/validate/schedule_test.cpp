#include "validate/schedule.h"

#include <cstdint>
#include <doctest/doctest.h>
#include <vector>

using namespace mlctl;
using namespace mlctl::validate;
using namespace std::chrono_literals;

namespace {

LoadConfig load(double rate, Duration duration, Arrivals arrivals, Duration warmup = 0s) {
  return {.rate = rate, .duration = duration, .arrivals = arrivals, .warmup = warmup, .connections = 4};
}

bool same(const Schedule& a, const Schedule& b) {
  if (a.requests.size() != b.requests.size()) return false;
  for (std::size_t i = 0; i < a.requests.size(); ++i) {
    if (a.requests[i].at != b.requests[i].at || a.requests[i].block != b.requests[i].block) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("a constant load without a baseline sends evenly to the candidate") {
  const auto schedule = make_schedule(load(10, 3s, Arrivals::constant), false, 1);
  CHECK(schedule.length == 3s);
  REQUIRE(schedule.requests.size() == 30);
  CHECK(schedule.requests[0].at == 50ms);
  for (std::size_t i = 1; i < 30; ++i)
    CHECK((schedule.requests[i].at - schedule.requests[i - 1].at) / 1us == doctest::Approx(100000));
  for (const auto& block : schedule.blocks) CHECK(block.arm == Arm::candidate);
}

TEST_CASE("a constant load keeps any rate, to each arm, equally in both of a pair") {
  struct Case {
    const char* name;
    double rate;
    bool two_arms;
    Duration warmup;
    std::size_t requests;  // of 40 s
  };
  for (const auto& c : std::vector<Case>{
           {"one in two seconds", 0.5, false, 0s, 20},
           {"one in two seconds to each arm", 0.5, true, 0s, 20},
           {"one in ten seconds to each arm", 0.1, true, 0s, 4},
           {"three in two seconds", 1.5, false, 0s, 60},
           {"three in two seconds, a warm-up of odd length", 1.5, true, 3s, 60},
           {"a rate that no double holds", 3.3, true, 5s, 132},
       }) {
    CAPTURE(c.name);
    const auto schedule = make_schedule(load(c.rate, 40s, Arrivals::constant, c.warmup), c.two_arms, 9);
    std::vector<std::vector<PlannedRequest>> by_block(schedule.blocks.size());
    std::size_t measured = 0;
    for (const auto& request : schedule.requests) {
      const auto& block = schedule.blocks[request.block];
      CHECK(request.at >= block.begin);
      CHECK(request.at < block.begin + block_length);
      by_block[request.block].push_back(request);
      measured += !block.warmup;
    }
    CHECK(measured == c.requests);
    std::size_t b = 0;
    while (schedule.blocks[b].warmup) ++b;
    for (; c.two_arms && b < by_block.size(); b += 2) {
      REQUIRE(by_block[b].size() == by_block[b + 1].size());
      for (std::size_t i = 0; i < by_block[b].size(); ++i) {
        CHECK(by_block[b][i].body == by_block[b + 1][i].body);
        CHECK(by_block[b][i].at + block_length == by_block[b + 1][i].at);
      }
    }
  }
}

TEST_CASE("a slow constant load is even across blocks and asks all questions") {
  const auto schedule = make_schedule(load(0.4, 60s, Arrivals::constant), false, 1);
  REQUIRE(schedule.requests.size() == 24);
  for (std::size_t i = 0; i < 24; ++i) {
    CHECK(schedule.requests[i].at / 1us == doctest::Approx(1250000.0 + 2500000.0 * static_cast<double>(i)));
    CHECK(schedule.requests[i].body == i);
  }
}

TEST_CASE("which server is started first is drawn by lot, the same for a seed") {
  int baseline = 0;
  int as_first_pair = 0;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const auto first = first_to_start(seed);
    CHECK(first == first_to_start(seed));
    baseline += first == Arm::baseline;
    as_first_pair += first == make_schedule(load(1, 2s, Arrivals::constant), true, seed).blocks[0].arm;
  }
  CHECK(baseline == doctest::Approx(500).epsilon(0.1));
  CHECK(as_first_pair == doctest::Approx(500).epsilon(0.1));  // one lot does not tell the other
}

TEST_CASE("with a baseline, blocks come in pairs of one each, in both orders, and ask the same questions") {
  const auto schedule = make_schedule(load(20, 41s, Arrivals::poisson, 3s), true, 7);
  REQUIRE(schedule.blocks.size() == 3 + 40);
  int candidate_first = 0;
  for (std::size_t pair = 0; pair < 20; ++pair) {
    const auto& first = schedule.blocks[3 + 2 * pair];
    const auto& second = schedule.blocks[4 + 2 * pair];
    CHECK(first.arm != second.arm);
    CHECK_FALSE(first.warmup);
    candidate_first += first.arm == Arm::candidate;
  }
  CHECK(candidate_first > 3);
  CHECK(candidate_first < 17);
  for (std::size_t b = 0; b < 3; ++b) CHECK(schedule.blocks[b].warmup);

  std::vector<std::uint32_t> first_body(schedule.blocks.size(), UINT32_MAX);
  for (const auto& request : schedule.requests) {
    auto& first = first_body[request.block];
    if (first == UINT32_MAX) first = request.body;
  }
  for (std::size_t pair = 0; pair < 20; ++pair) CHECK(first_body[3 + 2 * pair] == first_body[4 + 2 * pair]);
}

TEST_CASE("Poisson arrivals have the rate asked for and stay within their blocks, in order") {
  const auto schedule = make_schedule(load(100, 200s, Arrivals::poisson), true, 3);
  CHECK(schedule.requests.size() == doctest::Approx(20000).epsilon(0.03));
  Duration before{};
  for (const auto& request : schedule.requests) {
    CHECK(request.at >= before);
    const auto begin = schedule.blocks[request.block].begin;
    CHECK(request.at >= begin);
    CHECK(request.at < begin + block_length);
    before = request.at;
  }
}

TEST_CASE("a seed gives the same schedule, another seed another one") {
  const auto config = load(50, 10s, Arrivals::poisson);
  CHECK(same(make_schedule(config, true, 5), make_schedule(config, true, 5)));
  CHECK_FALSE(same(make_schedule(config, true, 5), make_schedule(config, true, 6)));
}

TEST_CASE("however short, there is something to send: one pair") {
  CHECK(make_schedule(load(10, 100ms, Arrivals::constant), true, 1).blocks.size() == 2);
  CHECK(make_schedule(load(10, 100ms, Arrivals::constant), false, 1).blocks.size() == 1);
}
