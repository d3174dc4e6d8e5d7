// Starting fake_server.py from tests, or saying why that cannot be.
#pragma once
#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <string>

#include "base/process.h"
#include "validate/gate_config.h"

namespace mlctl::validate {

inline std::filesystem::path source_folder() {
  const char* source = std::getenv("MLCTL_SOURCE");
  return source == nullptr ? std::filesystem::path() : std::filesystem::path(source);
}

// False, with a message, where Python or the sources are not at hand.
inline bool have_fake_server() {
  static const bool have = [] {
    auto python =
        run_process({.command = {"python3", "--version"}, .environment = {}, .folder = "/"}, std::chrono::seconds(20));
    if (python && python->exit_code == 0 && !source_folder().empty() &&
        std::filesystem::exists(source_folder() / "tests/validate/fake_server.py")) {
      return true;
    }
    MESSAGE("skipped: the fake server needs python3 and MLCTL_SOURCE");
    return false;
  }();
  return have;
}

inline LocalServer fake_server(const std::string& mode) {
  LocalServer local;
  local.command = {"python3", (source_folder() / "tests/validate/fake_server.py").string(), "{port}", mode};
  local.ready = "/ready";
  local.start = std::chrono::seconds(20);
  return local;
}

}  // namespace mlctl::validate
