// What people said of a version with `push --metadata` and `--metrics`: of each the newest that is attached.
#pragma once
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "registry/evidence.h"
#include "registry/name.h"

namespace mlctl::release {

struct Said {
  std::string metadata, metrics;  // JSON; "": nothing was said
};
// What was said of this very version goes before what was said of others of the same content. A statement with an
// invalid signature says nothing.
[[nodiscard]] Said said_in(const std::vector<registry::Evidence>& evidence,
                           const std::optional<registry::Version>& version);

// "training.epochs" -> "30": objects become dotted names, other values their JSON text, strings themselves.
using Values = std::map<std::string, std::string>;
inline constexpr std::size_t values_limit = 10'000;  // more are left out
[[nodiscard]] Values flattened(std::string_view json);

}  // namespace mlctl::release
