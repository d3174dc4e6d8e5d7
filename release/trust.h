// Whose signatures count in an environment: its own `trust:`, which replaces the project's as a whole.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "registry/sign.h"
#include "release/project.h"

namespace mlctl::release {

// `environment` "" is the project. nullopt: nobody said. Error{usage}: as registry::load_trust.
[[nodiscard]] Result<std::optional<registry::Trust>> trust_of(const Project& project, const std::string& environment);

// The environment that a reference names, MODEL#ENV; "" when it names none of the project's.
[[nodiscard]] std::string environment_in(const Project& project, std::string_view reference);

}  // namespace mlctl::release
