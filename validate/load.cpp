#include "validate/load.h"

#include <algorithm>
#include <ctime>

#include "base/interrupt.h"

namespace mlctl::validate {
namespace {

constexpr Duration alive_every = std::chrono::milliseconds(200);

Outcome outcome_of(const Error& error) {
  switch (error.kind) {
    case Error::Kind::timeout:
      return Outcome::timeout;
    case Error::Kind::denied:
      return Outcome::status;
    case Error::Kind::corrupt:
      return Outcome::nonsense;
    default:
      return Outcome::refused;
  }
}

class LoadRun {
 public:
  LoadRun(const Schedule& schedule, const std::array<LoadTarget, 2>& targets, const Protocol& protocol,
          const LoadSeams& seams)
      : schedule_(schedule), targets_(targets), protocol_(protocol), seams_(seams), start_(seams.clock.steady()) {
    result_.samples.resize(schedule.requests.size());
    two_arms_ = std::any_of(schedule.blocks.begin(), schedule.blocks.end(),
                            [](const LoadBlock& block) { return block.arm == Arm::baseline; });
  }

  Result<LoadResult> run() {
    const Duration cpu_before = seams_.cpu();
    SteadyTime next_look = start_;
    while (!result_.stopped && (next_ < schedule_.requests.size() || seams_.multiplexer.in_flight() > 0)) {
      if (interrupted()) return interrupted_error();
      send_due();
      const SteadyTime now = seams_.clock.steady();
      if (now >= next_look) {
        look(now);
        next_look = now + alive_every;
      }
      const SteadyTime next_send = next_ < schedule_.requests.size() ? intended(next_) : next_look;
      for (auto& exchange : seams_.multiplexer.poll(std::min(next_send, next_look))) note(exchange);
    }
    if (!result_.stopped) look(seams_.clock.steady());  // it may have ended over the last requests
    result_.elapsed = seams_.clock.steady() - start_;
    result_.client_cpu = seams_.cpu() - cpu_before;
    return std::move(result_);
  }

 private:
  [[nodiscard]] SteadyTime intended(std::size_t index) const { return start_ + schedule_.requests[index].at; }
  [[nodiscard]] Arm arm_of(std::size_t index) const { return schedule_.blocks[schedule_.requests[index].block].arm; }

  void send_due() {
    for (; next_ < schedule_.requests.size(); ++next_) {
      const SteadyTime now = seams_.clock.steady();
      if (intended(next_) > now) return;
      const auto& requests = targets_[static_cast<std::size_t>(arm_of(next_))].requests;
      result_.samples[next_].late = now - intended(next_);
      seams_.multiplexer.start(next_, requests[schedule_.requests[next_].body % requests.size()]);
    }
  }

  void note(const HttpExchange& exchange) {
    auto& sample = result_.samples[exchange.id];
    sample.latency = exchange.completed - intended(exchange.id);
    auto& first_failure = result_.first_failure[static_cast<std::size_t>(arm_of(exchange.id))];
    const auto fail = [&](const Error& error) {
      sample.outcome = outcome_of(error);
      ++failures_;
      if (first_failure.empty()) first_failure = error.message;
    };
    if (!exchange.response) return fail(exchange.response.error());
    if (auto answer = protocol_.parse_answer(*exchange.response); !answer) return fail(answer.error());
    sample.outcome = Outcome::answered;
  }

  void look(SteadyTime now) {
    for (const Arm arm : {Arm::candidate, Arm::baseline}) {
      if (arm == Arm::baseline && !two_arms_) continue;
      if (auto status = targets_[static_cast<std::size_t>(arm)].alive(); !status) {
        result_.stopped = LoadResult::Stop{.arm = arm, .error = status.error()};
        return;
      }
    }
    seams_.progress.update(human_duration(std::chrono::duration_cast<std::chrono::seconds>(now - start_)) + " of " +
                           human_duration(schedule_.length) + ", " + std::to_string(next_) + " requests, " +
                           std::to_string(failures_) + " failed");
  }

  const Schedule& schedule_;
  const std::array<LoadTarget, 2>& targets_;
  const Protocol& protocol_;
  const LoadSeams& seams_;
  SteadyTime start_;
  std::size_t next_ = 0;
  std::uint64_t failures_ = 0;
  bool two_arms_ = false;
  LoadResult result_;
};

}  // namespace

const char* to_string(Outcome outcome) {
  constexpr const char* names[outcomes] = {"answered", "refused", "timeout", "status", "nonsense", "unsent"};
  return names[static_cast<std::size_t>(outcome)];
}

Duration process_cpu_time() {
  timespec now{};
  if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) != 0) return {};
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

Result<LoadResult> run_load(const Schedule& schedule, const std::array<LoadTarget, 2>& targets,
                            const Protocol& protocol, const LoadSeams& seams) {
  return LoadRun(schedule, targets, protocol, seams).run();
}

}  // namespace mlctl::validate
