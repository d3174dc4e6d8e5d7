#include "release/reference.h"

#include <algorithm>

#include "base/terminal.h"
#include "registry/query.h"

namespace mlctl::release {
namespace {

using registry::ModelName;
using registry::Version;

Error no_version(const ModelName& model, const Version& version, const registry::Store& store) {
  const auto name = to_string(model);
  return {Error::Kind::not_found, name + " " + to_string(version) + " is not in the registry " + store.name(),
          "`mlctl list " + name + "` shows the versions; `mlctl push` adds one"};
}

Result<Found> at_version(registry::Store& store, const ModelName& model, const Version& version) {
  auto known = registry::find_version(store, model, version);
  if (!known) return known.error();
  if (!*known) return no_version(model, version, store);
  return Found{model, (*known)->digest, version};
}

// An assignment means the version that the version's own tag means.
Status check_recorded(const registry::ModelTags& tags, const std::string& name, const registry::Assignment& assigned) {
  const auto tag = tags.find(assigned.version);
  if (!tag || !tag->digest || !assigned.digest || *tag->digest == *assigned.digest) return ok();
  return Error{Error::Kind::corrupt,
               name + " is " + to_string(assigned.version) + " with digest " + to_string(*assigned.digest) + ", tag " +
                   tag->tag + " records " + to_string(*tag->digest),
               "`mlctl history " + to_string(tags.model()) + "` shows who wrote them"};
}

Status check_same(const ModelName& model, const registry::VersionTag& tag, const Digest& recorded,
                  const Digest& stored) {
  if (recorded == stored) return ok();
  const auto name = shell_word(to_string(model) + "@" + to_string(tag.version));
  return Error{Error::Kind::corrupt,
               "tag " + tag.tag + " records " + to_string(recorded) + ", the registry has " + to_string(stored),
               "`mlctl verify " + name + "` tells more"};
}

Result<Found> at_stage(registry::Store& store, registry::Git* git, const ModelName& model, const std::string& stage) {
  const auto name = to_string(model) + "#" + stage;
  if (git == nullptr)
    return Error{Error::Kind::usage, name + " is what git says, and there is no git repository here",
                 "name a version: " + to_string(model) + "@vX.Y.Z"};
  auto tags = all_tags(*git);
  if (!tags) return tags.error();
  const registry::ModelTags mine(model, *tags);
  auto assigned = mine.assignment(stage);
  if (!assigned) return assigned.error();
  if (!*assigned)
    return Error{Error::Kind::not_found, "nothing is assigned to " + name,
                 "`mlctl history " + to_string(model) + "` shows what was"};
  if (auto same = check_recorded(mine, name, **assigned); !same) return same.error();
  if ((*assigned)->digest) return Found{model, *(*assigned)->digest, (*assigned)->version};
  return at_version(store, model, (*assigned)->version);
}

}  // namespace

Result<ModelName> find_name(const Project& project, const std::vector<ModelName>& others, std::string_view text) {
  auto own = find_model(project, text);
  if (own) return (*own)->name;
  if (own.error().kind != Error::Kind::not_found) return own.error();
  std::vector<ModelName> last_part;
  for (const auto& other : others) {
    if (to_string(other) == text) return other;
    if (other.name == text) last_part.push_back(other);
  }
  if (last_part.empty()) return own.error();
  if (last_part.size() == 1) return last_part.front();
  return Error{Error::Kind::usage, "several models are named '" + std::string(text) + "'",
               "write it whole: " + to_string(last_part[0]) + " or " + to_string(last_part[1])};
}

Result<ModelName> name_in(const Project& project, registry::Store& store, std::string_view text) {
  auto own = find_name(project, {}, text);
  if (own || own.error().kind != Error::Kind::not_found) return own;
  auto stored = registry::list_models(store);
  if (stored) return find_name(project, *stored, text);
  auto whole = registry::parse_model_name(text);
  return whole ? whole : stored.error();
}

Result<Found> find_reference(const Project& project, registry::Store& store, registry::Git* git,
                             std::string_view text) {
  auto reference = split_reference(text);
  if (!reference) return reference.error();
  auto model = name_in(project, store, reference->model);
  if (!model) return model.error();
  if (const auto* version = std::get_if<Version>(&reference->at)) return at_version(store, *model, *version);
  if (const auto* part = std::get_if<DigestPart>(&reference->at)) {
    auto digest = whole_digest(store, *model, *part);
    return digest ? Found{*model, *digest, std::nullopt} : Result<Found>(digest.error());
  }
  if (const auto* digest = std::get_if<Digest>(&reference->at)) return Found{*model, *digest, std::nullopt};
  return at_stage(store, git, *model, *std::get_if<std::string>(&reference->at));
}

Result<Found> find_agreed(const Project& project, registry::Store& store, registry::Git* git, std::string_view text) {
  auto found = find_reference(project, store, git, text);
  if (!found || !found->version || git == nullptr) return found;
  auto tags = git->tags();  // as many as are here: a clone without them has nothing to say
  if (!tags) return tags.error();
  const auto tag = registry::ModelTags(found->model, *tags).find(*found->version);
  if (!tag || (!tag->unclear && !tag->digest)) return found;
  auto recorded = digest_of_tag(store, found->model, *tag);
  if (!recorded) return recorded.error();
  if (auto same = check_same(found->model, *tag, *recorded, found->digest); !same) return same.error();
  return found;
}

Status check_agreed(registry::Store& store, const ModelName& model, const registry::VersionTag& tag,
                    const Digest& digest) {
  const auto known = registry::find_version(store, model, tag.version);
  return known && *known ? check_same(model, tag, digest, (*known)->digest) : ok();
}

Status check_tagged(const registry::ModelTags& tags, const registry::Version& version, const Digest& stored) {
  const auto tag = tags.find(version);
  return tag && tag->digest ? check_same(tags.model(), *tag, *tag->digest, stored) : ok();
}

Status check_garbage(const registry::ModelTags& tags, const registry::GarbageReport& report) {
  for (const auto& tag : tags.versions())
    for (const auto& item : report.removed)
      if (tag.digest && tag.digest->hex() == item.name)
        return Error{Error::Kind::corrupt,
                     "tag " + tag.tag + " records " + to_string(*tag.digest) +
                         ", whose bytes are here and which the registry's index has lost",
                     "push the same files as " + to_string(tag.version) + " again, which lists them; then `mlctl gc`"};
  return ok();
}

Result<Digest> whole_digest(registry::Store& store, const ModelName& model, const DigestPart& part) {
  auto versions = registry::list_versions(store, model);
  if (!versions) return versions.error();
  std::optional<Digest> found;
  for (const auto& info : *versions) {
    if (!info.digest.hex().starts_with(part.hex) || found == info.digest) continue;
    if (found)
      return Error{Error::Kind::usage, "several versions of " + to_string(model) + " begin with " + part.hex,
                   "give more digits"};
    found = info.digest;
  }
  if (found) return *found;
  return Error{Error::Kind::not_found, "no version of " + to_string(model) + " begins with " + part.hex,
               "`mlctl list " + to_string(model) + " -o json` shows whole digests"};
}

Result<Digest> digest_of_tag(registry::Store& store, const ModelName& model, const registry::VersionTag& tag) {
  if (tag.unclear)
    return Error{Error::Kind::corrupt, "tag " + tag.tag + ": its `digest:` line is none, or there are several",
                 "`git show " + shell_word(tag.tag) + "` prints it"};
  if (tag.digest) return *tag.digest;
  auto found = at_version(store, model, tag.version);
  if (!found) return found.error().context("tag " + tag.tag + " records no digest");
  return found->digest;
}

Result<std::vector<registry::GitTag>> all_tags(registry::Git& git) {
  if (auto whole = registry::check_history(git); !whole) return whole.error();
  return git.tags();
}

}  // namespace mlctl::release
