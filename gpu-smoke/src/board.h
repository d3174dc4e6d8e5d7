// What has been seen so far, shared by the threads that look, the watchdog and the progress line.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "evidence.h"

namespace gpu_smoke {

class Board {
 public:
  void change(const std::function<void(Evidence&)>& change) {
    const std::lock_guard lock(mutex_);
    change(evidence_);
  }
  [[nodiscard]] Evidence evidence() const {
    const std::lock_guard lock(mutex_);
    return evidence_;
  }
  // `gpu`: -1 for the node.
  void now(int gpu, const std::string& doing) {
    const std::lock_guard lock(mutex_);
    doing_[gpu] = doing;
  }
  // "gpu 0 memory, gpu 1 memory"; the node's own step when no GPU has one.
  [[nodiscard]] std::string doing() const {
    const std::lock_guard lock(mutex_);
    std::string text;
    for (const auto& [gpu, step] : doing_) {
      if (step.empty() || (gpu < 0 && doing_.size() > 1)) continue;
      text += (text.empty() ? "" : ", ") + (gpu < 0 ? step : "gpu " + std::to_string(gpu) + " " + step);
    }
    return text;
  }

 private:
  mutable std::mutex mutex_;
  Evidence evidence_;
  std::map<int, std::string> doing_;
};

}  // namespace gpu_smoke
