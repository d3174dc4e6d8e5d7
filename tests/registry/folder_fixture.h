// A throw-away folder with files, for tests.
#pragma once
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include "base/filesystem.h"

namespace mlctl::registry::test {

inline TemporaryFolder temporary_folder() {
  auto folder = TemporaryFolder::create();
  REQUIRE(folder);
  return std::move(*folder);
}

inline void put(const std::filesystem::path& path, std::string_view bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << bytes;
  REQUIRE(file.good());
}

inline std::string get(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE_MESSAGE(file.good(), path.string());
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace mlctl::registry::test
