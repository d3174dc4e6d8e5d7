// Time comes through a seam, so that tests move it by hand.
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mlctl {

using Duration = std::chrono::nanoseconds;
using SteadyTime = std::chrono::time_point<std::chrono::steady_clock, Duration>;
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::seconds>;

struct Clock {
  virtual ~Clock() = default;
  [[nodiscard]] virtual SteadyTime steady() const = 0;  // for measuring
  [[nodiscard]] virtual WallTime wall() const = 0;      // for records
  virtual void sleep_until(SteadyTime when) = 0;        // returns early only when the process is interrupted
};
[[nodiscard]] Clock& system_clock();

// Moves only when told; sleep_until jumps. Its wall clock begins at 2026-01-01T00:00:00Z.
class ManualClock : public Clock {
 public:
  [[nodiscard]] SteadyTime steady() const override { return now_; }
  [[nodiscard]] WallTime wall() const override;
  void sleep_until(SteadyTime when) override { now_ = when > now_ ? when : now_; }
  void advance(Duration step) { now_ += step; }

 private:
  SteadyTime now_{};
};

[[nodiscard]] std::string rfc3339(WallTime time);  // "2026-11-22T17:44:48Z"
// Any offset, fractions of a second cut off; Error{usage} for anything else, 30 February and leap seconds too.
[[nodiscard]] Result<WallTime> parse_rfc3339(std::string_view text);
// RFC 9110, 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT"; nullopt for anything else, the obsolete forms too.
[[nodiscard]] std::optional<WallTime> parse_http_date(std::string_view text);
[[nodiscard]] std::string human_duration(
    Duration d);  // "850 us", "1.5 ms", "3.2 s", "2 min 5 s", "3 h 10 min", "2 d 4 h"
[[nodiscard]] std::string ago(WallTime then, WallTime now);  // "just now", "3 minutes ago", "in 2 hours"

}  // namespace mlctl
