// What belongs to a version: read from the manifests, level by level.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>

#include "base/document.h"
#include "base/interrupt.h"
#include "registry/copy.h"
#include "registry/oci.h"
#include "registry/pack.h"

namespace mlctl::registry {
namespace {

class Collector {
 public:
  Collector(Store& from, CopySet& set) : from_(from), set_(set) {}

  Status run() {
    const auto& publication = set_.publication;
    for (const auto& manifest : {publication.model, publication.image}) {
      if (manifest.media_type.empty()) continue;  // no image: layers that cannot be mounted
      seen_.insert(manifest.digest);
      if (auto taken = take_blobs(manifest.digest); !taken) return taken;
    }
    if (auto counted = count_files(); !counted) return counted;
    std::vector<Digest> level(seen_.begin(), seen_.end());
    for (std::size_t depth = 0; !level.empty(); ++depth) {
      if (depth == referrers_depth) return too_many("deeper than " + std::to_string(referrers_depth));
      auto next = take_referrers(level);
      if (!next) return next.error();
      level = std::move(*next);
    }
    return check_indexes();
  }

 private:
  [[nodiscard]] std::string what() const { return to_string(set_.model) + " " + to_string(set_.publication.version); }
  [[nodiscard]] Error too_many(const std::string& why) const {
    return {Error::Kind::usage, what() + ": what refers to it is " + why, ""};
  }

  // What an index names is copied when it refers to the version by itself, as the images of a modelcar do.
  [[nodiscard]] Status check_indexes() const {
    for (const auto& [digest, members] : indexes_)
      for (const auto& member : members) {
        const auto entry = oci::descriptor_of(member);
        if (!entry || seen_.count(entry->digest) == 0)
          return Error{Error::Kind::usage,
                       what() + ": the index " + to_string(digest) + " names a manifest that does not refer to it",
                       "only what refers to a version is copied"};
      }
    return ok();
  }

  // A registry behind a network has no index that would say it.
  Status count_files() {
    auto& publication = set_.publication;
    if (publication.files > 0) return ok();
    auto text = from_.read_manifest(set_.model, publication.model.digest);
    if (!text) return text.error();
    auto layers = parse_manifest(*text);
    if (!layers) return layers.error().context(what());
    for (const auto& layer : *layers)
      for (const auto& file : layer.files) {
        ++publication.files;
        publication.bytes += file.size;
      }
    return ok();
  }

  // What refers to these, in the order in which the store has it.
  Result<std::vector<Digest>> take_referrers(const std::vector<Digest>& subjects) {
    std::vector<Digest> found;
    for (const auto& subject : subjects) {
      if (interrupted()) return interrupted_error();
      auto referrers = from_.referrers(set_.model, subject);
      if (!referrers) return referrers.error();
      for (auto& manifest : *referrers) {
        if (!seen_.insert(manifest.digest).second) continue;
        if (set_.referrers.size() == referrers_limit)
          return too_many("more than " + std::to_string(referrers_limit) + " manifests");
        if (auto taken = take_blobs(manifest.digest); !taken) return taken.error();
        // What only the index of that store says.
        for (const auto* key : {oci::ref_name, oci::subject_annotation}) manifest.annotations.erase(key);
        found.push_back(manifest.digest);
        set_.referrers.push_back({subject, std::move(manifest)});
      }
    }
    // A registry takes an index only when what it names is there.
    std::stable_partition(set_.referrers.begin(), set_.referrers.end(),
                          [](const auto& one) { return one.manifest.media_type != oci::index_type; });
    return found;
  }

  Status take_blobs(const Digest& digest) {
    auto text = from_.read_manifest(set_.model, digest);
    if (!text) return text.error();
    const auto broken = [&](const std::string& why) {
      return Error{Error::Kind::corrupt, what() + ": manifest " + to_string(digest) + ": " + why, ""};
    };
    auto manifest = parse_json(*text, "manifest");
    if (!manifest) return broken(manifest.error().message);
    if (const auto* members = oci::member(*manifest, "manifests")) {
      indexes_.emplace_back(digest, *members);
      return ok();
    }
    if (const auto* config = oci::member(*manifest, "config"); config == nullptr || !take_blob(*config))
      return broken("its config is no descriptor");
    const auto* layers = oci::member(*manifest, "layers");
    if (layers == nullptr || !layers->is_array()) return broken("it names no layers");
    for (const auto& layer : *layers)
      if (!take_blob(layer)) return broken("a layer is no descriptor");
    return ok();
  }

  bool take_blob(const nlohmann::json& value) {
    auto blob = oci::descriptor_of(value);
    if (blob && blobs_.insert(blob->digest).second) set_.blobs.push_back(std::move(*blob));
    return blob.has_value();
  }

  Store& from_;
  CopySet& set_;
  std::set<Digest> seen_, blobs_;
  std::vector<std::pair<Digest, nlohmann::json>> indexes_;
};

}  // namespace

Result<CopySet> copy_set(Store& from, const ModelName& model, const Publication& publication) {
  CopySet set{model, publication, {}, {}};
  if (auto collected = Collector(from, set).run(); !collected) return collected.error();
  return set;
}

}  // namespace mlctl::registry
