#include "release/locate.h"

#include "registry/files.h"
#include "registry/pack.h"
#include "registry/query.h"
#include "release/files.h"

namespace mlctl::release {
namespace {

Error elsewhere(const std::string& what, const registry::Store& store, const std::string& why) {
  return {Error::Kind::unavailable, what + " is not in the registry " + store.name() + why,
          "`mlctl push` it there, or copy the registry's folder that it was pushed to"};
}

}  // namespace

Result<Located> locate(const Project& project, const registry::Git* git, registry::Store& store,
                       const ModelEntry& model, const registry::Version& version, const std::string& commit,
                       const std::optional<Digest>& recorded) {
  const auto what = to_string(model.name) + " " + to_string(version);
  auto known = registry::find_version(store, model.name, version);
  if (!known) return known.error();
  Located located;
  if (*known) {
    located = {(*known)->digest, (*known)->image, false};
  } else {
    if (git == nullptr || commit.empty()) return elsewhere(what, store, "");
    auto files = files_at(project, *git, model, commit);
    if (!files) return elsewhere(what, store, ", and its commit does not have its files: " + files.error().message);
    auto packed = registry::pack_digest(*files);
    if (!packed) return packed.error().context(what);
    located = {packed->digest, packed->image, true};
  }
  if (recorded && *recorded != located.digest)
    return Error{Error::Kind::denied,
                 what + ": its tag records " + to_string(*recorded) + ", " +
                     (located.packed ? "its commit" : "the registry") + " has " + to_string(located.digest),
                 "a version never changes: find out who changed it before it is deployed"};
  return located;
}

}  // namespace mlctl::release
