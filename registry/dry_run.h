// git that answers every question and changes nothing: for --dry-run, so that the same rules decide.
#pragma once
#include <memory>

#include "registry/git.h"

namespace mlctl::registry {

// `git` must outlive it. What would be written or sent succeeds silently; nothing is fetched.
[[nodiscard]] std::unique_ptr<Git> dry_run(Git& git);

}  // namespace mlctl::registry
