// From what people write to mean one state of a model (registry/reference.h) to its digest. MODEL is as find_model
// takes it, or a model that only the registry or git know.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/digest.h"
#include "base/result.h"
#include "registry/git.h"
#include "registry/name.h"
#include "registry/reference.h"
#include "registry/store.h"
#include "registry/tags.h"
#include "release/project.h"

namespace mlctl::release {

using registry::DigestPart;
using registry::split_reference;

// A name in the project, or a whole name or unique last part among `others`. Errors as of find_model.
[[nodiscard]] Result<registry::ModelName> find_name(const Project& project,
                                                    const std::vector<registry::ModelName>& others,
                                                    std::string_view text);

// As find_name, with the models of a registry, which is asked for them only when the project knows none of that name. A
// registry that does not tell (many in the network do not) is taken to have the model that is named wholly.
[[nodiscard]] Result<registry::ModelName> name_in(const Project& project, registry::Store& store,
                                                  std::string_view text);

struct Found {
  registry::ModelName model;
  Digest digest;
  std::optional<registry::Version> version;  // asked for, or assigned; none when a digest was asked for
};
// `git` may be null: then a stage is Error{usage} with the reason. Error{not_found}: no such version or nothing
// assigned; a stage's digest is the one of its tags, else the registry's for its version.
[[nodiscard]] Result<Found> find_reference(const Project& project, registry::Store& store, registry::Git* git,
                                           std::string_view text);

// As find_reference, for those who use what they find: Error{corrupt} where git has a tag of the version, and it means
// another digest.
[[nodiscard]] Result<Found> find_agreed(const Project& project, registry::Store& store, registry::Git* git,
                                        std::string_view text);

// Error{corrupt}: the registry has the tag's version with another digest than `digest`, the tag's. A registry that does
// not answer has nothing to say.
[[nodiscard]] Status check_agreed(registry::Store& store, const registry::ModelName& model,
                                  const registry::VersionTag& tag, const Digest& digest);

// Error{corrupt}: git has a tag of the version that means another digest.
[[nodiscard]] Status check_tagged(const registry::ModelTags& tags, const registry::Version& version,
                                  const Digest& stored);

// Error{corrupt}: among what would be removed is the manifest of a version that git has a tag of.
[[nodiscard]] Status check_garbage(const registry::ModelTags& tags, const registry::GarbageReport& report);

// The digest that begins so. Error{not_found}; Error{usage}: several do.
[[nodiscard]] Result<Digest> whole_digest(registry::Store& store, const registry::ModelName& model,
                                          const DigestPart& part);

// What the version's tag records; of a tag made by hand, what the registry has. Error{not_found}: neither knows it.
[[nodiscard]] Result<Digest> digest_of_tag(registry::Store& store, const registry::ModelName& model,
                                           const registry::VersionTag& tag);

// The tags of a clone that has them all (check_history).
[[nodiscard]] Result<std::vector<registry::GitTag>> all_tags(registry::Git& git);

}  // namespace mlctl::release
