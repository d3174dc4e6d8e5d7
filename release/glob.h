// Files below a root by a pattern with * and ? within the parts of a path. Links that leave the root are not followed.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mlctl::release {

inline constexpr std::size_t glob_limit = 100'000;  // files
// Relative paths, sorted. Error{usage}: an absolute pattern, "..", or more than glob_limit files.
[[nodiscard]] Result<std::vector<std::string>> glob(const std::filesystem::path& root, std::string_view pattern);
[[nodiscard]] bool matches(std::string_view pattern, std::string_view name);  // one part

}  // namespace mlctl::release
