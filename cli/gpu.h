// mlctl gpu check: what its two ways, here and on the nodes of a cluster, share. Internal to the command.
#pragma once
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/context.h"

namespace mlctl::cli {

struct GpuCheckOptions {
  std::string environment;  // "": this machine
  std::vector<std::string> nodes;
  std::string image, name_space;
  std::string limit = "5m";
  bool quick = false, mark = false;
};

[[nodiscard]] int check_gpu_nodes(const GpuCheckOptions& options, Context& context);

}  // namespace mlctl::cli
