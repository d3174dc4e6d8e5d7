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
  Level level = Level::standard;
  unsigned duration_s = 8;  // of the sustained load
  unsigned timeout_s = 0;
  std::string history;  // a folder; empty: none
  std::string fake;     // a trace; empty: this machine
  bool progress = true;
  Policy policy;
};

[[nodiscard]] Options parse_options(const std::vector<std::string>& arguments);
[[nodiscard]] const char* help_text();

}  // namespace gpu_smoke
