// Which version comes next, and making one: from a folder into the registry (push), from a commit into git (register).
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/terminal.h"
#include "registry/files.h"
#include "registry/git.h"
#include "registry/pack.h"
#include "registry/push.h"
#include "registry/query.h"
#include "registry/store.h"
#include "release/project.h"

namespace mlctl::release {

// The version that a push of files with this digest makes. Asked for: that one. Else the newest when it has exactly
// these files, else the next patch after it; v0.0.1 first.
struct NextVersion {
  registry::Version version;
  std::optional<Digest> same;  // the digest of the newest version, which has these files already
};
[[nodiscard]] Result<NextVersion> next_to_push(registry::Store& store, const registry::ModelName& model,
                                               const Digest& digest, const std::optional<registry::Version>& asked);

// What registry::push would report, without writing; the same refusals.
[[nodiscard]] Result<registry::PushReport> rehearse_push(registry::Store& store, const registry::ModelName& model,
                                                         const std::vector<registry::ModelFile>& files,
                                                         const registry::PackedModel& packed,
                                                         const registry::Version& version);

// Of the source, for the provenance of a push: the commit, and whether the model's folder differs from it.
[[nodiscard]] Result<registry::PushMetadata> source_of(const Project& project, const ModelEntry& model,
                                                       const registry::Git* git);

struct RegisterRequest {
  const ModelEntry* model = nullptr;
  std::optional<registry::Version> version;
  std::optional<registry::Bump> bump;
  bool push = true;  // the tag, to origin when there is one
  bool dry_run = false;
  registry::Builder builder{std::string(registry::local_builder), ""};  // for the provenance
  std::optional<registry::Signer> signer = {};                          // of what goes into the registry
};
struct Registered {
  registry::Version version;
  std::string tag;
  std::string commit;
  Digest digest;
  bool existed = false;  // HEAD was registered with it before
  bool pushed = false;   // the tag is at origin
  bool packed = false;   // the registry did not have it: the commit's files went in
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;  // of the files
  std::vector<std::string> notes;
};
// HEAD becomes a version. Without a version and a bump: the version that HEAD has, else the registry's newest when git
// does not know it yet, else the next patch after git's newest. Error{usage}: a clone without its history, a folder
// that differs from HEAD, a second version on a commit; Error{conflict}: the version is on another commit, or has
// another digest.
[[nodiscard]] Result<Registered> register_head(const Project& project, registry::Git& git, registry::Store& store,
                                               const RegisterRequest& request, Progress& progress, Clock& clock);

}  // namespace mlctl::release
