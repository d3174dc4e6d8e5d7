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
