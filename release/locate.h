// Where the bytes of a version are: by the registry, else by packing the files of its tag's commit again, which must
// give the digest that was recorded.
#pragma once
#include <optional>
#include <string>

#include "base/digest.h"
#include "base/result.h"
#include "registry/git.h"
#include "registry/name.h"
#include "registry/store.h"
#include "release/project.h"

namespace mlctl::release {

struct Located {
  Digest digest;        // of the model's manifest
  Digest image;         // of the image over the same blobs
  bool packed = false;  // the registry does not have it: computed from the commit's files
};

// `commit` may be empty (then only the registry is asked), and `git` null with it. Error{denied}: another digest than
// `recorded`; Error{unavailable}: neither the registry nor the commit has the files, with a hint.
[[nodiscard]] Result<Located> locate(const Project& project, const registry::Git* git, registry::Store& store,
                                     const ModelEntry& model, const registry::Version& version,
                                     const std::string& commit, const std::optional<Digest>& recorded);

}  // namespace mlctl::release
