#include "validate/load.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace mlctl;
using namespace mlctl::validate;
using namespace std::chrono_literals;

namespace {

const std::string good = R"({"outputs":[{"name":"y","datatype":"FP32","shape":[1],"data":[1]}]})";

// A server by rule: what it answers, and after how long; requests wait behind one another when `serial`.
class FakeServers : public HttpMultiplexer {
 public:
  using Rule = std::pair<Duration, Result<HttpResponse>> (*)(std::uint64_t id, const HttpRequest& request);
  FakeServers(ManualClock& clock, Rule rule, bool serial = false) : clock_(clock), rule_(rule), serial_(serial) {}

  void start(std::uint64_t id, std::shared_ptr<const HttpRequest> request) override {
    auto [service, response] = rule_(id, *request);
    const SteadyTime now = clock_.steady();
    const SteadyTime begin = serial_ ? std::max(now, free_at_) : now;
    free_at_ = begin + service;
    pending_.push_back({id, std::move(response), now, begin + service});
    urls.push_back(request->url);
  }

  std::vector<HttpExchange> poll(SteadyTime until) override {
    const auto first = std::min_element(pending_.begin(), pending_.end(), earlier);
    clock_.sleep_until(first == pending_.end() ? until : std::min(until, first->completed));
    std::vector<HttpExchange> done;
    for (auto it = pending_.begin(); it != pending_.end();) {
      if (it->completed > clock_.steady()) {
        ++it;
        continue;
      }
      done.push_back(*it);
      it = pending_.erase(it);
    }
    return done;
  }
  [[nodiscard]] std::size_t in_flight() const override { return pending_.size(); }

  std::vector<std::string> urls;

 private:
  static bool earlier(const HttpExchange& a, const HttpExchange& b) { return a.completed < b.completed; }
  ManualClock& clock_;
  Rule rule_;
  bool serial_;
  SteadyTime free_at_{};
  std::vector<HttpExchange> pending_;
};

LoadTarget target(const std::string& url, std::function<Status()> alive = [] { return ok(); }) {
  auto request = std::make_shared<HttpRequest>();
  request->url = url;
  return {.requests = {request}, .alive = std::move(alive)};
}

Schedule constant(double rate, Duration duration, bool two_arms) {
  return make_schedule(
      {.rate = rate, .duration = duration, .arrivals = Arrivals::constant, .warmup = 0s, .connections = 1}, two_arms,
      1);
}

Duration no_cpu() {
  return {};
}

Result<LoadResult> run(const Schedule& schedule, const std::array<LoadTarget, 2>& targets, HttpMultiplexer& servers,
                       ManualClock& clock) {
  return run_load(schedule, targets, *find_protocol("oip-v2"),
                  {.multiplexer = servers, .clock = clock, .cpu = no_cpu, .progress = no_progress()});
}

std::pair<Duration, Result<HttpResponse>> answer_in_5ms(std::uint64_t, const HttpRequest&) {
  return {5ms, HttpResponse{.status = 200, .headers = {}, .body = good}};
}

}  // namespace

TEST_CASE("requests go out on time, each block to its own arm") {
  ManualClock clock;
  FakeServers servers(clock, answer_in_5ms);
  const auto schedule = constant(10, 4s, true);
  const auto result = run(schedule, {target("candidate"), target("baseline")}, servers, clock);
  REQUIRE(result);
  REQUIRE(servers.urls.size() == 40);
  for (std::size_t i = 0; i < 40; ++i) {
    CHECK(servers.urls[i] == to_string(schedule.blocks[schedule.requests[i].block].arm));
    CHECK(result->samples[i].outcome == Outcome::answered);
    CHECK(result->samples[i].late == 0ns);
    CHECK(result->samples[i].latency == 5ms);
  }
  CHECK(result->elapsed >= 3900ms);
  CHECK(result->elapsed < 5s);
}

TEST_CASE("latency counts the queue in front of a slow server: no coordinated omission") {
  ManualClock clock;
  // 20 ms of work every 10 ms: the hundredth request waits a second, whatever the server took for itself.
  FakeServers servers(
      clock,
      [](std::uint64_t, const HttpRequest&) -> std::pair<Duration, Result<HttpResponse>> {
        return {20ms, HttpResponse{.status = 200, .headers = {}, .body = good}};
      },
      true);
  const auto schedule = constant(100, 1s, false);
  const auto result = run(schedule, {target("a"), LoadTarget{}}, servers, clock);
  REQUIRE(result);
  CHECK(result->samples.front().latency == 20ms);
  CHECK(result->samples.back().latency > 1s);
  CHECK(result->samples.back().latency < 1030ms);
}

TEST_CASE("failures are told apart") {
  ManualClock clock;
  FakeServers servers(clock, [](std::uint64_t id, const HttpRequest&) -> std::pair<Duration, Result<HttpResponse>> {
    switch (id % 5) {
      case 0:
        return {1ms, Error{Error::Kind::unavailable, "connection reset", ""}};
      case 1:
        return {1ms, Error{Error::Kind::timeout, "no answer", ""}};
      case 2:
        return {1ms, HttpResponse{.status = 500, .headers = {}, .body = "oops"}};
      case 3:
        return {1ms, HttpResponse{.status = 200, .headers = {}, .body = good.substr(0, 20)}};
      default:
        return {1ms, HttpResponse{.status = 200, .headers = {}, .body = good}};
    }
  });
  const auto result = run(constant(5, 1s, false), {target("a"), LoadTarget{}}, servers, clock);
  REQUIRE(result);
  CHECK(result->samples[0].outcome == Outcome::refused);
  CHECK(result->samples[1].outcome == Outcome::timeout);
  CHECK(result->samples[2].outcome == Outcome::status);
  CHECK(result->samples[3].outcome == Outcome::nonsense);
  CHECK(result->samples[4].outcome == Outcome::answered);
  CHECK(result->first_failure[0] == "connection reset");
}

TEST_CASE("a server that ends stops the load, with its last words") {
  ManualClock clock;
  FakeServers servers(clock, answer_in_5ms);
  const auto dies = [&clock]() -> Status {
    if (clock.steady().time_since_epoch() < 1s) return ok();
    return Error{Error::Kind::denied, "it ended by signal 9", ""};
  };
  const auto result = run(constant(10, 10s, true), {target("a"), target("b", dies)}, servers, clock);
  REQUIRE(result);
  REQUIRE(result->stopped);
  CHECK(result->stopped->arm == Arm::baseline);
  CHECK(result->stopped->error.message == "it ended by signal 9");
  CHECK(result->samples.back().outcome == Outcome::unsent);
  CHECK(result->elapsed < 2s);
}

TEST_CASE("a server that ends over the very last request is noticed too") {
  ManualClock clock;
  FakeServers servers(clock, answer_in_5ms);
  const auto dies = [&clock]() -> Status {
    if (clock.steady().time_since_epoch() < 950ms) return ok();
    return Error{Error::Kind::denied, "it ended by signal 9", ""};
  };
  const auto result = run(constant(10, 1s, false), {target("a", dies), LoadTarget{}}, servers, clock);
  REQUIRE(result);
  CHECK(result->stopped.has_value());
}
