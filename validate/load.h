// Sends a schedule's requests at their intended times, whatever the servers do (open loop), and notes what came back.
// Latency runs from the intended time, so that a queue in front of a slow server counts (no coordinated omission).
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/http.h"
#include "base/result.h"
#include "base/terminal.h"
#include "validate/protocol.h"
#include "validate/schedule.h"

namespace mlctl::validate {

enum class Outcome : std::uint8_t {
  answered,
  refused,  // no connection, reset, closed, too large
  timeout,
  status,    // HTTP other than 200, or 200 with an error inside
  nonsense,  // not an answer of the protocol: truncated, NaN, wrong shape
  unsent,    // the load was stopped before
};
inline constexpr std::size_t outcomes = 6;
[[nodiscard]] const char* to_string(Outcome outcome);

struct LoadSample {
  Outcome outcome = Outcome::unsent;
  Duration late{};     // actual minus intended send time: the client's own fault
  Duration latency{};  // completion minus intended send time
};

struct LoadTarget {
  std::vector<std::shared_ptr<const HttpRequest>> requests;  // rendered beforehand; not empty
  // Error when the server behind it has ended, with its last words. Asked five times a second.
  std::function<Status()> alive;
};

struct LoadResult {
  std::vector<LoadSample> samples;  // of the schedule's requests, same order
  Duration elapsed{};
  Duration client_cpu{};  // time this process spent on its cores meanwhile
  struct Stop {
    Arm arm;
    Error error;
  };
  std::optional<Stop> stopped;               // a server ended
  std::array<std::string, 2> first_failure;  // by arm: in the server's words
};

struct LoadSeams {
  HttpMultiplexer& multiplexer;
  Clock& clock;
  std::function<Duration()> cpu;  // time this process has spent so far
  Progress& progress;
};
[[nodiscard]] Duration process_cpu_time();

// targets[0] is the candidate, targets[1] the baseline (only asked when the schedule has blocks of it).
// Error{interrupted} only; failures of servers stand in the result.
[[nodiscard]] Result<LoadResult> run_load(const Schedule& schedule, const std::array<LoadTarget, 2>& targets,
                                          const Protocol& protocol, const LoadSeams& seams);

}  // namespace mlctl::validate
