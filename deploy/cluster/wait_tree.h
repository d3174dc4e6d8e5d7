// Who waits for whom, as a tree: model -> Deployment -> pods -> what they wait for, and what waits for the model. Pure.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/terminal.h"
#include "deploy/cluster/pods.h"
#include "deploy/objects.h"

namespace mlctl::deploy {

// What is waited for, and what it is waited for by.
struct Awaited {
  ObjectKey deployment;
  std::string model = {};                   // "fraud/credit-risk"
  std::string serving = {};                 // the version that serves until this one is ready; "": none
  std::vector<std::string> goes_over = {};  // "Service fraud/credit-risk": what changes when it is ready
};

// How it is with one of them.
struct WaitBranch {
  struct Pods {
    std::vector<std::string> names;  // that are in the same trouble
    PodTrouble trouble;
  };
  Awaited what;
  std::string reason;      // of the Deployment: "0 of 2 replicas ready"
  PodTrouble made;         // why pods cannot be made: quota, admission
  std::vector<Pods> pods;  // that are not ready, the worst first
  PodTrouble::Kind worst = PodTrouble::Kind::none;
  Duration lasted{};  // the worst trouble
};

inline constexpr std::size_t pods_shown = 4;  // groups of them; the others are counted

// At most `lines` lines of at most the style's width, those with the worst trouble first.
[[nodiscard]] std::string render_waiting(std::vector<WaitBranch> all, const Style& style, std::size_t lines);
// What is left to say of one that failed, below its message: lines, each after a '\n', escaped.
[[nodiscard]] std::string failed_branch(const WaitBranch& one);

}  // namespace mlctl::deploy
