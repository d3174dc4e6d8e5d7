// What a candidate is judged against: what the environment ran before it, and did not take back.
#pragma once
#include <optional>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/result.h"
#include "registry/store.h"
#include "registry/tags.h"

namespace mlctl::release {

// The candidate, by what is known of it: a folder has no version, a tag that was made by hand no digest.
struct Judged {
  std::optional<Digest> digest;
  std::optional<registry::Version> version;
};

// The stage's assignments, newest first, without the candidate's own and without versions that were gone back from: who
// is as good as what was denied is not good. Their digest is filled in from the registry where the tag records none.
[[nodiscard]] Result<std::vector<registry::Assignment>> baselines(registry::Store& store,
                                                                  const registry::ModelTags& tags,
                                                                  std::string_view stage, const Judged& candidate);

}  // namespace mlctl::release
