// The way back: the assignment before the newest one becomes the newest, under the next N, and the version that is left
// is denied for that stage. Where there is nothing older, the model is unassigned.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "base/digest.h"
#include "base/result.h"
#include "deploy/cluster/live.h"
#include "registry/git.h"
#include "registry/intent.h"
#include "registry/name.h"
#include "registry/store.h"
#include "registry/tags.h"
#include "release/project.h"

namespace mlctl::release {

struct UndoPlan {
  registry::ModelName model;
  std::string environment;
  registry::Assignment from;               // both with a digest
  std::optional<registry::Assignment> to;  // nullopt: nothing older, unassigned
  std::uint64_t n = 0;                     // that it takes, or nothing
  std::optional<Digest> denied;            // that of `from`; nullopt: what it goes back to has the same files
};

// For assignments whose tags, made by hand, record no digest: what the version's bytes say (release/locate.h).
using FindDigest = std::function<Result<Digest>(const registry::Assignment& assignment)>;
[[nodiscard]] FindDigest digest_finder(const Project& project, const registry::Git& git, registry::Store& store,
                                       const ModelEntry& model);

// Pure but for `find`. Another version of the same files (another configuration) is gone back to when it was assigned
// before the one that is left ever was. Error{not_found}: nothing is assigned; `find`'s error: a way back that cannot
// be identified is not taken, and neither is a longer one.
// `aborted`: assignments that never had all traffic, as the environment's cluster remembers them: nobody goes back
// there.
[[nodiscard]] Result<UndoPlan> plan_undo(const registry::ModelTags& tags, const std::string& environment,
                                         const FindDigest& find, const std::set<std::uint64_t>& aborted = {});
// Error{conflict}: somebody took N meanwhile.
[[nodiscard]] Result<registry::Taken> take_back(registry::Git& git, const UndoPlan& plan, bool push);

// The newest word about a stage is a way back, which what is live has not followed: an undo was killed between its tag
// and its commit or apply, and has to be finished before another begins. A rollout that ended on the way back leaves
// the version before with all traffic under its old N: that has followed.
[[nodiscard]] bool is_unfinished(const registry::ModelTags& tags, const std::string& environment,
                                 const deploy::LiveAssignment& live);

}  // namespace mlctl::release
