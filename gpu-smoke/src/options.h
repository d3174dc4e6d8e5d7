// The command line. Pure: parsing neither prints nor exits.
#pragma once

#include <string>
#include <vector>

#include "report.h"

namespace gpu_smoke {

struct Options {
  enum class Action { check, help, version, usage_error };
  Action action = Action::check;
  std::string error;  // for usage_error
  bool json = false;
  unsigned timeout_s = 60;
  Policy policy;
};

[[nodiscard]] Options parse_options(const std::vector<std::string>& arguments);
[[nodiscard]] const char* help_text();

}  // namespace gpu_smoke
