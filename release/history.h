// What happened to a model by git's tags, and what there is to say about them.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/terminal.h"
#include "registry/tags.h"

namespace mlctl::release {

struct HistoryLine {
  registry::ModelEvent event;
  std::string version;  // registered or assigned; "" when it cannot be told
  std::string digest;   // "" when none is recorded
};
struct History {
  registry::ModelName model;
  std::vector<HistoryLine> lines;     // newest first
  std::vector<std::string> warnings;  // ignored tags, orders that differ, stages that cannot be told
};
[[nodiscard]] History history_of(const registry::ModelTags& tags);

}  // namespace mlctl::release
