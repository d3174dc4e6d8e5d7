// Saying in git what should be: a version exists, a stage should run it. The number N of an assignment is taken by
// creating its tag at origin, which is the compare-and-swap: when it is refused, fetch and try again.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/result.h"
#include "registry/git.h"
#include "registry/name.h"
#include "registry/tags.h"

namespace mlctl::registry {

struct Taken {
  std::string tag;
  std::uint64_t n = 0;   // of assignments
  bool existed = false;  // said already: nothing was done
  bool pushed = false;   // false: reserved only here
};

struct Registration {
  ModelName model;
  Version version;
  ObjectId commit;
  Digest digest;
  bool push = true;  // to origin when there is one
};
// The same again is a no-op. Error{conflict}: the version exists on another commit or with another digest.
[[nodiscard]] Result<Taken> register_version(Git& git, const Registration& registration);

struct AssignRequest {
  ModelName model;
  std::string stage;
  Version version;
  Digest digest;
  ObjectId commit;
  bool push = true;
  bool force = false;  // assign a commit whose history has parted from the newest assignment's
  bool allow = false;  // take back a denial of this digest
  // The newest event's N (0: none) when the version was judged for this stage. Error{conflict} when it is another.
  std::optional<std::uint64_t> seen;
  // The way back: exempt from ancestry and denials; writes `denied:`, takes exactly `expected` or stops.
  std::optional<Digest> denied;
  std::optional<std::uint64_t> expected;
};
// At the newest assignment's own commit, version and digest it resumes: the same N. Error{denied}: the commit is a
// proper ancestor of the newest assignment's, has parted from it or the model is deprecated (unless forced), or the
// digest was denied here.
// Error{conflict}: N was not the expected one any more.
[[nodiscard]] Result<Taken> assign(Git& git, const AssignRequest& request);
// What assign would refuse by the tags that are here, before any work is done for it.
[[nodiscard]] Status check_assignable(const Git& git, const ModelTags& tags, const AssignRequest& request);

struct UnassignRequest {
  ModelName model;
  std::string stage;
  bool push = true;
  std::optional<Digest> denied;
  std::optional<std::uint64_t> expected;
};
// Nothing assigned: a no-op.
[[nodiscard]] Result<Taken> unassign(Git& git, const UnassignRequest& request);

// The stages that run this version now, or with nullptr any of the model. One whose version cannot be told counts too.
[[nodiscard]] std::vector<std::string> stages_running(const ModelTags& tags, const Version* version);

struct DeregisterRequest {
  ModelName model;
  Version version;
  bool push = true;
  bool force = false;  // also while a stage runs it
};
// The version does not count any more; its files stay in the registry. It was taken back already: a no-op.
// Error{not_found}: it never was registered; Error{denied}: a stage runs it.
[[nodiscard]] Result<Taken> deregister(Git& git, const DeregisterRequest& request);

struct DeprecateRequest {
  ModelName model;
  bool push = true;
  bool force = false;  // also while stages run it
};
// The model is not to be used any more, until something is said about it again. Deprecated already: a no-op.
// Error{not_found}: git knows no such model; Error{denied}: stages run it.
[[nodiscard]] Result<Taken> deprecate(Git& git, const DeprecateRequest& request);

}  // namespace mlctl::registry
