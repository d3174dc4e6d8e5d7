// The status of an environment as it changes: nothing is asked while nothing does.
#pragma once
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "deploy/cluster/api.h"
#include "deploy/cluster/status.h"
#include "deploy/cluster/watch.h"

namespace mlctl::deploy {

class StatusWatch {
 public:
  StatusWatch(Cluster& cluster, Clock& clock, const Desired& desired, WatchOptions options);

  // Waits until something changed, or `until`; true: something did (the first time always).
  [[nodiscard]] Result<bool> wait(SteadyTime until);
  [[nodiscard]] std::vector<ModelStatus> read() const;

 private:
  void watch(const std::set<std::string>& namespaces);  // empty: all

  Cluster& cluster_;
  Clock& clock_;
  const Desired& desired_;
  WatchOptions options_;
  std::size_t places_ = 1;  // namespaces that are looked at, or 1 for all
  bool narrow_ = false;     // the namespaces that we need, and no others
  std::unique_ptr<Watch> watch_;
};

}  // namespace mlctl::deploy
