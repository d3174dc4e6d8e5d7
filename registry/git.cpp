#include "registry/git.h"

namespace mlctl::registry {

Status check_history(Git& git) {
  if (git.is_shallow())
    return Error{Error::Kind::usage, "the clone is shallow: tags and history may be missing",
                 "`git fetch --unshallow --tags`"};
  auto tags = git.tags();
  if (!tags) return tags.error();
  auto remote = git.remote_url();
  if (!remote) return remote.error();
  if (!tags->empty() || !*remote) return ok();
  auto missing = git.missing_tags();
  if (!missing) return missing.error().context("the clone has no tags, and whether origin has some cannot be told");
  if (missing->empty()) return ok();
  return Error{Error::Kind::usage, "the clone has no tags, and origin has " + std::to_string(missing->size()),
               "`git fetch --tags`"};
}

}  // namespace mlctl::registry
