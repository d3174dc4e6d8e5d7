// Whether what model.yaml says of serving and of rollouts can be had, before a version is made or assigned that nobody
// can render.
#pragma once
#include <string>

#include "base/result.h"
#include "release/project.h"

namespace mlctl::release {

// In one environment. Error{usage} names the place.
[[nodiscard]] Status check_served(const Project& project, const ModelEntry& model, const std::string& environment);
// In every environment of the project.
[[nodiscard]] Status check_served(const Project& project, const ModelEntry& model);

}  // namespace mlctl::release
