// Names and versions: what people call a model and one state of it. Only a digest is an identity.
#pragma once
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mlctl::registry {

struct ModelName {
  std::string tenant;  // "" in a project without tenants
  std::string name;
  auto operator<=>(const ModelName&) const = default;
};
// [TENANT/]NAME, each [a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?; anything else, upper case too, is Error{usage}.
[[nodiscard]] Result<ModelName> parse_model_name(std::string_view text);
[[nodiscard]] std::string to_string(const ModelName& model);  // "fraud/credit-risk"

// A stage has an environment's name: the same alphabet as a part of a model's name.
[[nodiscard]] bool is_stage_name(std::string_view text);

// Semantic version 2.0.0 with a leading "v". At most 100 characters, so that every registry tag made of it is legal.
struct Version {
  std::uint64_t major = 0;
  std::uint64_t minor = 0;
  std::uint64_t patch = 0;
  std::string prerelease;  // "rc.1"
  std::string build;       // no part of the precedence, but of the version: v1.0.0+a and v1.0.0+b are two
  bool operator==(const Version&) const = default;
};
// Semver's precedence; equals there are ordered by build, so that the order is total.
[[nodiscard]] std::strong_ordering operator<=>(const Version& a, const Version& b);
[[nodiscard]] Result<Version> parse_version(
    std::string_view text);  // "v1.2.3-rc.1+build"; Error{usage} with an example
[[nodiscard]] std::string to_string(const Version& version);

enum class Bump { major, minor, patch };
// The next version of that kind: no prerelease, no build. "v1.2.3-rc.1" by patch is "v1.2.3".
[[nodiscard]] Version next_version(const Version& version, Bump bump);
inline constexpr std::string_view first_version = "v0.0.1";

// '+' is not legal in a registry's tag, '_' not in a version: "v1.0.0_b" and back, without loss.
[[nodiscard]] std::string registry_tag(const Version& version);
[[nodiscard]] Result<Version> version_of_registry_tag(std::string_view tag);

}  // namespace mlctl::registry
