#include "registry/store_index.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/document.h"
#include "registry/oci.h"

namespace mlctl::registry {
namespace {

// No version begins so: the image's tag stands beside the version's.
constexpr std::string_view image_prefix = "image-";

std::string annotation(const Descriptor& entry, const char* key) {
  const auto found = entry.annotations.find(key);
  return found == entry.annotations.end() ? "" : found->second;
}

std::uint64_t number(const std::string& text) {
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc() ? value : 0;
}

Version next_free(const std::vector<Publication>& all, const Version& version) {
  Version next = next_version(version, Bump::patch);
  for (const auto& publication : all)
    if (publication.version >= next) next = next_version(publication.version, Bump::patch);
  return next;
}

}  // namespace

Error other_content(const ModelName& model, const Version& version, const Digest& there, const Digest& here,
                    const Version& free) {
  return {Error::Kind::conflict,
          to_string(model) + " " + to_string(version) + " exists with other content\nregistry " + to_string(there) +
              "\nthese files " + to_string(here),
          "versions are immutable; `mlctl push " + to_string(model) + " --version " + to_string(free) + "`"};
}

Result<Index> Index::parse(std::string_view text, const std::string& what) {
  Index index;
  const auto broken = [&](const std::string& why) {
    return Error{Error::Kind::corrupt, what + ": " + why,
                 "restore the file from a backup, push again what is newer than that, and only then `mlctl gc`"};
  };
  auto value = parse_json(text, what);
  if (!value) return Error{Error::Kind::corrupt, value.error().message, broken("").hint};
  const auto* manifests = oci::member(*value, "manifests");
  if (manifests == nullptr || !manifests->is_array()) return broken("not an image index");
  index.entries_.reserve(manifests->size());
  std::set<std::string> tags;
  for (const auto& entry : *manifests) {
    auto descriptor = oci::descriptor_of(entry);
    if (!descriptor) return broken("an entry is no descriptor");
    const auto tag = annotation(*descriptor, oci::ref_name);
    if (version_of_registry_tag(tag) && !tags.insert(tag).second) return broken("version " + tag + " is there twice");
    index.entries_.push_back(std::move(*descriptor));
  }
  return index;
}

std::string Index::text() const {
  nlohmann::ordered_json value;
  value["schemaVersion"] = 2;
  value["mediaType"] = oci::index_type;
  auto& manifests = value["manifests"] = nlohmann::ordered_json::array();
  for (const auto& entry : entries_) manifests.push_back(oci::to_json(entry));
  return value.dump(1, '\t') + "\n";
}

std::vector<Publication> Index::publications() const {
  std::map<std::string, const Descriptor*> images;
  for (const auto& entry : entries_) {
    const auto tag = annotation(entry, oci::ref_name);
    if (tag.compare(0, image_prefix.size(), image_prefix) == 0) images[tag.substr(image_prefix.size())] = &entry;
  }
  std::vector<Publication> all;
  for (const auto& entry : entries_) {
    const auto tag = annotation(entry, oci::ref_name);
    auto version = version_of_registry_tag(tag);
    if (!version) continue;
    Publication publication{std::move(*version), entry, {}, 0, 0, annotation(entry, oci::created)};
    if (const auto image = images.find(tag); image != images.end()) publication.image = *image->second;
    publication.files = number(annotation(entry, oci::count_annotation));
    publication.bytes = number(annotation(entry, oci::bytes_annotation));
    all.push_back(std::move(publication));
  }
  return all;
}

std::vector<Descriptor> Index::referrers(const Digest& subject) const {
  std::vector<Descriptor> found;
  std::set<Digest> seen;
  for (const auto& entry : entries_)
    if (annotation(entry, oci::subject_annotation) == to_string(subject) && seen.insert(entry.digest).second)
      found.push_back(entry);
  return found;
}

bool Index::holds(const Digest& manifest) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const auto& entry) { return entry.digest == manifest; });
}

Result<bool> Index::add(const ModelName& model, const Publication& publication) {
  const auto all = publications();
  for (const auto& other : all) {
    if (other.version != publication.version) continue;
    if (other.model.digest == publication.model.digest) return mend_image(publication, other);
    return other_content(model, publication.version, other.model.digest, publication.model.digest,
                         next_free(all, publication.version));
  }
  const std::string tag = registry_tag(publication.version);
  Descriptor entry = publication.model;
  entry.annotations[oci::ref_name] = tag;
  entry.annotations[oci::created] = publication.created;
  entry.annotations[oci::count_annotation] = std::to_string(publication.files);
  entry.annotations[oci::bytes_annotation] = std::to_string(publication.bytes);
  entries_.push_back(std::move(entry));
  add_image(publication);
  return true;
}

void Index::add_image(const Publication& publication) {
  if (publication.image.media_type.empty()) return;
  Descriptor image = publication.image;
  image.annotations[oci::ref_name] = std::string(image_prefix) + registry_tag(publication.version);
  image.annotations[oci::subject_annotation] = to_string(publication.model.digest);
  entries_.push_back(std::move(image));
}

bool Index::mend_image(const Publication& publication, const Publication& there) {
  if (publication.image.media_type.empty() || !there.image.media_type.empty()) return false;
  add_image(publication);
  return true;
}

bool Index::add_referrer(const Digest& subject, const Descriptor& manifest) {
  for (const auto& entry : referrers(subject))
    if (entry.digest == manifest.digest) return false;
  Descriptor entry = manifest;
  entry.annotations[oci::subject_annotation] = to_string(subject);
  entries_.push_back(std::move(entry));
  return true;
}

}  // namespace mlctl::registry
