#include "registry/query.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/document.h"
#include "registry/evidence.h"
#include "registry/modelcar.h"
#include "registry/oci.h"

namespace mlctl::registry {
namespace {

// A problem is a line in the report when bytes are wrong or gone; what could not be asked is an error.
bool is_finding(const Error& error) {
  return error.kind == Error::Kind::corrupt || error.kind == Error::Kind::not_found;
}

class Verifier {
 public:
  Verifier(Store& store, const ModelName& model, const Digest& digest)
      : store_(store), model_(model), digest_(digest) {}

  Result<VerifyReport> run() {
    auto manifest = store_.read_manifest(model_, digest_);
    if (!manifest) {
      if (manifest.error().kind != Error::Kind::corrupt) return manifest.error();
      report_.problems.push_back(manifest.error().message);
      return report_;
    }
    report_.bytes += manifest->size();
    auto layers = read_layers(store_, model_, *manifest);
    if (!layers) {
      if (!is_finding(layers.error())) return layers.error();
      report_.problems.push_back(layers.error().message);
      return report_;
    }
    for (auto& layer : *layers)
      if (auto read = check_layer(layer); !read) return read.error();
    // Another tool's manifest has no image of ours beside it, and its configuration is its own.
    const bool ours = std::all_of(layers->begin(), layers->end(), [](const auto& layer) { return layer.exact; });
    if (auto read = ours ? check_manifests(*layers) : check_config(*manifest, *layers); !read) return read.error();
    if (auto read = note(evidence(store_, model_, digest_)); !read) return read.error();
    if (auto read = check_modelcars(*layers); !read) return read.error();
    return report_;
  }

 private:
  // Success and findings let the verification go on.
  template <typename T>
  Status note(const Result<T>& result) {
    if (result) return ok();
    if (!is_finding(result.error())) return result.error();
    report_.problems.push_back(result.error().message);
    return ok();
  }

  Status check_layer(PackedLayer& layer) {
    ++report_.layers;
    report_.files += layer.files.size();
    auto source = store_.open_blob(model_, layer.digest, 0);
    if (!source) return note(source);
    report_.bytes += layer.size;
    auto content = read_layer(layer, **source, {});
    if (content) layer.content = *content;
    return note(content);
  }

  // What a modelcar is made of beside the model's layers.
  Status check_modelcars(const std::vector<PackedLayer>& layers) {
    auto cars = find_modelcars(store_, model_, digest_);
    if (!cars) return note(cars);
    std::set<Digest> checked;
    for (const auto& layer : layers) checked.insert(layer.digest);
    for (const auto& car : *cars) {
      auto blobs = modelcar_blobs(store_, model_, car.digest);
      if (!blobs) {
        if (auto noted = note(blobs); !noted) return noted;
        continue;
      }
      for (const auto& blob : *blobs)
        if (checked.insert(blob.digest).second)
          if (auto noted = note(check_blob(blob)); !noted) return noted;
    }
    return ok();
  }

  Result<bool> check_blob(const Descriptor& blob) {
    auto source = store_.open_blob(model_, blob.digest, 0);
    if (!source) return source.error();
    Sha256 hash;
    std::string buffer(64U << 10U, '\0');
    for (std::uint64_t left = blob.size;;) {
      auto got = (*source)->read(buffer.data(), buffer.size());
      if (!got) return got.error();
      if (*got == 0 || *got > left) break;
      left -= *got;
      hash.update(buffer.data(), *got);
      report_.bytes += *got;
    }
    if (hash.finish() == blob.digest) return true;
    return Error{Error::Kind::corrupt, "blob " + to_string(blob.digest) + " is not what its digest says", ""};
  }

  // The configuration is there, and names what the layers decompress to.
  Status check_config(const std::string& manifest, const std::vector<PackedLayer>& layers) {
    auto value = parse_json(manifest, "manifest");
    const auto* member = value ? oci::member(*value, "config") : nullptr;
    const auto descriptor = member == nullptr ? std::nullopt : oci::descriptor_of(*member);
    if (!descriptor) {
      report_.problems.push_back("the manifest names no configuration");
      return ok();
    }
    auto text = store_.read_blob(model_, descriptor->digest, manifest_limit);
    if (!text) return note(text);
    report_.bytes += text->size();
    auto config = parse_json(*text, "configuration");
    const auto* modelfs = config ? oci::member(*config, "modelfs") : nullptr;
    const auto* named = modelfs == nullptr ? nullptr : oci::member(*modelfs, "diffIds");
    nlohmann::json expected = nlohmann::json::array();
    for (const auto& layer : layers) expected.push_back(to_string(layer.content));
    if (named == nullptr || *named != expected)
      report_.problems.push_back("the configuration does not name what the layers hold (modelfs.diffIds)");
    return ok();
  }

  // The image and both configurations follow from the layers: what is stored must be that.
  Status check_manifests(const std::vector<PackedLayer>& layers) {
    auto packed = pack_manifests(layers);
    if (!packed) return note(packed);
    if (packed->digest != digest_) {
      report_.problems.push_back("the manifest is not the one that its layers give");
      return ok();
    }
    for (const auto& text : {packed->config, packed->image_config}) {
      if (text.empty()) continue;
      auto stored = store_.read_blob(model_, digest_of(text), manifest_limit);
      if (auto noted = note(stored); !noted) return noted;
      report_.bytes += text.size();
    }
    if (packed->image_manifest.empty()) return ok();
    if (auto noted = note(store_.read_manifest(model_, packed->image)); !noted) return noted;
    report_.bytes += packed->image_manifest.size();
    return check_links(packed->image);
  }

  Status check_links(const Digest& image) {
    auto publications = store_.publications(model_);
    if (!publications) return note(publications);
    for (const auto& one : *publications)
      if (one.model.digest == digest_ && one.image.digest != image)
        report_.problems.push_back(to_string(one.version) +
                                   (one.image.digest == Digest()
                                        ? " has lost its image " + to_string(image)
                                        : " names another image: " + to_string(one.image.digest)));
    auto referrers = store_.referrers(model_, digest_);
    if (!referrers) return note(referrers);
    const bool linked =
        std::any_of(referrers->begin(), referrers->end(), [&](const auto& entry) { return entry.digest == image; });
    if (!linked) report_.problems.push_back("no version links the image " + to_string(image) + " to it");
    return ok();
  }

  Store& store_;
  const ModelName& model_;
  const Digest& digest_;
  VerifyReport report_;
};

}  // namespace

Result<std::vector<ModelName>> list_models(Store& store) {
  return store.models();
}

static VersionInfo info_of(Publication&& one) {
  return {std::move(one.version), one.model.digest, one.image.digest, one.bytes, one.files, std::move(one.created)};
}

Result<std::vector<VersionInfo>> list_versions(Store& store, const ModelName& model) {
  auto publications = store.publications(model);
  if (!publications) return publications.error();
  std::vector<VersionInfo> versions;
  versions.reserve(publications->size());
  for (auto& one : *publications) versions.push_back(info_of(std::move(one)));
  std::sort(versions.begin(), versions.end(), [](const auto& a, const auto& b) { return a.version < b.version; });
  return versions;
}

Result<std::optional<VersionInfo>> find_version(Store& store, const ModelName& model, const Version& version) {
  auto found = store.find(model, version);
  if (!found) return found.error();
  return *found ? std::optional(info_of(std::move(**found))) : std::nullopt;
}

Result<std::vector<VersionInfo>> find_digest(Store& store, const ModelName& model, const Digest& digest) {
  auto versions = list_versions(store, model);
  if (!versions) return versions.error();
  std::vector<VersionInfo> found;
  for (auto& one : *versions)
    if (one.digest == digest) found.push_back(std::move(one));
  return found;
}

Result<ModelDescription> describe(Store& store, const ModelName& model, const Digest& digest) {
  auto manifest = store.read_manifest(model, digest);
  if (!manifest) return manifest.error();
  auto layers = read_layers(store, model, *manifest);
  if (!layers) return layers.error().context(to_string(model) + "@" + to_string(digest));
  auto versions = find_digest(store, model, digest);
  if (!versions) return versions.error();
  ModelDescription description{digest, {}, {}, std::move(*layers), {}, 0};
  const bool exact = std::all_of(description.layers.begin(), description.layers.end(),
                                 [](const auto& layer) { return layer.exact && layer.kind == LayerKind::tar; });
  if (exact) {
    auto packed = pack_manifests(description.layers);
    if (!packed) return packed.error();
    description.image = packed->image;
  }
  for (auto& one : *versions) {
    if (one.image != Digest()) description.image = one.image;
    description.versions.push_back(std::move(one.version));
  }
  for (const auto& layer : description.layers)
    for (const auto& file : layer.files) {
      description.bytes += file.size;
      description.files.push_back(file);
    }
  std::sort(description.files.begin(), description.files.end(),
            [](const auto& a, const auto& b) { return a.path < b.path; });
  return description;
}

Result<VerifyReport> verify(Store& store, const ModelName& model, const Digest& digest) {
  return Verifier(store, model, digest).run();
}

}  // namespace mlctl::registry
