// Which versions a copy is asked for.
#pragma once
#include <string>
#include <vector>

#include "base/result.h"
#include "registry/copy.h"
#include "registry/git.h"
#include "registry/store.h"
#include "release/project.h"

namespace mlctl::release {

// `text` is a reference, a model (all of its versions) or "" (everything in the store). A digest means every version
// that has it. Error{not_found}: nothing is there; others as of find_reference and registry::copy_set.
[[nodiscard]] Result<std::vector<registry::CopySet>> sets_to_copy(const Project& project, registry::Store& from,
                                                                  registry::Git* git, const std::string& text);

}  // namespace mlctl::release
