// Waiting between tries: twice as long each time, with chance in it, or as long as the registry asks for; never more
// than two minutes at once, and as often as was said. Through the clock, so that tests do not wait.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <random>

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/result.h"

namespace mlctl::registry {

// A connection that broke or was not to be had: worth a try again. Certificates, malformed URLs and Ctrl-C are not.
[[nodiscard]] bool is_passing(const Error& error);

class Backoff {
 public:
  // `tries`: all of them, the first one too.
  Backoff(Clock& clock, int tries, std::optional<SteadyTime> deadline = std::nullopt)
      : clock_(clock), left_(tries - 1), deadline_(deadline), random_(std::random_device{}()) {}
  // False, at once: no try is left, the registry asks for more patience than we have, the deadline would pass, or
  // Ctrl-C.
  [[nodiscard]] bool wait(std::optional<std::chrono::seconds> asked = std::nullopt);
  // Something went forward: all tries are there again.
  void succeeded(int tries) {
    left_ = tries - 1;
    step_ = first_step;
  }

 private:
  static constexpr std::chrono::milliseconds first_step{500};
  Clock& clock_;
  int left_;
  std::optional<SteadyTime> deadline_;
  std::chrono::milliseconds step_ = first_step;
  std::mt19937 random_;
};

}  // namespace mlctl::registry
