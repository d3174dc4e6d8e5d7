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
  auto differences = git.compare_tags();
  if (!differences)
    return differences.error().context("the clone has no tags, and whether origin has some cannot be told");
  const auto count = differences->missing.size();
  if (count == 0) return ok();
  return Error{Error::Kind::usage, "the clone has no tags, and origin has " + std::to_string(count),
               "`git fetch --tags`"};
}

}  // namespace mlctl::registry
