#include "release/baseline.h"

#include <utility>

#include "registry/query.h"

namespace mlctl::release {
namespace {

// By digest where both are known: two versions of the same bytes are one.
bool is_candidate(const registry::Assignment& past, const Judged& candidate) {
  if (past.digest && candidate.digest) return *past.digest == *candidate.digest;
  return candidate.version && past.version == *candidate.version;
}

}  // namespace

Result<std::vector<registry::Assignment>> baselines(registry::Store& store, const registry::ModelTags& tags,
                                                    std::string_view stage, const Judged& candidate) {
  auto history = tags.assignments(stage);
  if (!history) return history.error();
  const auto denied = tags.denied(stage);
  std::vector<registry::Assignment> found;
  for (auto& past : *history) {
    if (!past.digest) {
      auto known = registry::find_version(store, tags.model(), past.version);
      if (!known) return known.error();
      if (*known) past.digest = (*known)->digest;
    }
    const bool taken_back = past.digest && denied.count(*past.digest) != 0;
    if (!taken_back && !is_candidate(past, candidate)) found.push_back(std::move(past));
  }
  return found;
}

}  // namespace mlctl::release
