// Which models a command is about: those named, those with all the labels asked for, or all.
#pragma once
#include <string>
#include <vector>

#include "base/result.h"
#include "registry/name.h"
#include "release/project.h"

namespace mlctl::release {

// `names` as find_model takes them; `labels` as "label=value" (all must match). Sorted, without repetition. Nothing
// asked for: every model. Error{usage}: a label without "=", labels that no model has; find_model's errors.
[[nodiscard]] Result<std::vector<registry::ModelName>> select_models(const Project& project,
                                                                     const std::vector<std::string>& names,
                                                                     const std::vector<std::string>& labels);

}  // namespace mlctl::release
