#include "release/copy.h"

#include <optional>

#include "release/reference.h"

namespace mlctl::release {
namespace {

using registry::CopySet;
using registry::ModelName;

Status add_versions(registry::Store& from, const ModelName& model, const std::optional<Digest>& digest,
                    const std::optional<registry::Version>& version, const std::vector<registry::GitTag>& tags,
                    std::vector<CopySet>& sets) {
  const registry::ModelTags known(model, tags);
  auto publications = from.publications(model);
  if (!publications) return publications.error();
  for (const auto& publication : *publications) {
    if (digest && publication.model.digest != *digest) continue;
    if (version && publication.version != *version) continue;
    if (auto agreed = check_tagged(known, publication.version, publication.model.digest); !agreed)
      return agreed.error();
    auto set = registry::copy_set(from, model, publication);
    if (!set) return set.error();
    sets.push_back(std::move(*set));
  }
  return ok();
}

}  // namespace

Result<std::vector<CopySet>> sets_to_copy(const Project& project, registry::Store& from, registry::Git* git,
                                          const std::string& text) {
  std::vector<CopySet> sets;
  // As many as are here: a clone without them has nothing to say.
  auto tags = git == nullptr ? Result<std::vector<registry::GitTag>>(std::vector<registry::GitTag>()) : git->tags();
  if (!tags) return tags.error();
  if (text.find_first_of("@#") != std::string::npos) {
    auto found = find_agreed(project, from, git, text);
    if (!found) return found.error();
    if (auto added = add_versions(from, found->model, found->digest, found->version, *tags, sets); !added)
      return added.error();
  } else {
    auto named = text.empty() ? Result<registry::ModelName>(registry::ModelName{}) : name_in(project, from, text);
    if (!named) return named.error();
    auto models = text.empty() ? from.models() : std::vector{*named};
    if (!models) return models.error();
    for (const auto& model : *models)
      if (auto added = add_versions(from, model, std::nullopt, std::nullopt, *tags, sets); !added) return added.error();
  }
  if (!sets.empty()) return sets;
  return Error{Error::Kind::not_found, (text.empty() ? "nothing" : "no version of " + text) + " is in " + from.name(),
               "`mlctl list` shows what is"};
}

}  // namespace mlctl::release
