#include "release/versions.h"

#include "registry/pack.h"
#include "release/files.h"

namespace mlctl::release {

using registry::Version;

Result<NextVersion> next_to_push(registry::Store& store, const registry::ModelName& model, const Digest& digest,
                                 const std::optional<Version>& asked) {
  if (asked) return NextVersion{*asked, std::nullopt};
  auto known = registry::list_versions(store, model);
  if (!known) return known.error();
  if (known->empty()) {
    auto first = registry::parse_version(registry::first_version);
    if (!first) return first.error();
    return NextVersion{*first, std::nullopt};
  }
  const auto& newest = known->back();
  if (digest == newest.digest) return NextVersion{newest.version, newest.digest};
  return NextVersion{registry::next_version(newest.version, registry::Bump::patch), std::nullopt};
}

Result<registry::PushReport> rehearse_push(registry::Store& store, const registry::ModelName& model,
                                           const std::vector<registry::ModelFile>& files,
                                           const registry::PackedModel& packed, const Version& version) {
  auto known = registry::list_versions(store, model);
  if (!known) return known.error();
  registry::PushReport report{.manifest = packed.digest, .image = packed.image, .files = files.size()};
  for (const auto& file : files) report.bytes += file.size;
  for (const auto& other : *known) {
    if (other.version != version) continue;
    if (other.digest != packed.digest) {
      const auto next = registry::next_version(known->back().version, registry::Bump::patch);
      return registry::other_content(model, version, other.digest, packed.digest, next);
    }
    report.existed = true;
  }
  return report;
}

Result<registry::PushMetadata> source_of(const Project& project, const ModelEntry& model, const registry::Git* git) {
  registry::PushMetadata metadata;
  if (git == nullptr) return metadata;
  const auto head = git->head();
  if (!head) return metadata;  // no commit yet
  auto changed = changed_files(project, *git, model);
  if (!changed) return changed.error();
  auto url = git->remote_url();
  if (!url) return url.error();
  metadata.commit = *head;
  metadata.dirty = !changed->empty();
  metadata.repository = url->value_or("");
  return metadata;
}

}  // namespace mlctl::release
