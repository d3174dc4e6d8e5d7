// A base image read, from a folder or from a registry.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/document.h"
#include "base/terminal.h"
#include "registry/blob_file.h"
#include "registry/modelcar.h"
#include "registry/oci.h"

namespace mlctl::registry {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t layers_of_a_base = 200;

bool is_index(const nlohmann::json& value) {
  return oci::member(value, "manifests") != nullptr;
}

// What docker called it before OCI did: the same bytes. nullopt: nothing that may be copied.
std::optional<std::string> layer_type(const std::string& type) {
  if (type == "application/vnd.docker.image.rootfs.diff.tar.gzip") return std::string(oci::image_layer_type) + "+gzip";
  if (type == "application/vnd.docker.image.rootfs.diff.tar") return std::string(oci::image_layer_type);
  for (const char* known : {"", "+gzip", "+zstd"})
    if (type == std::string(oci::image_layer_type) + known) return type;
  return std::nullopt;
}

class BaseReader {
 public:
  explicit BaseReader(const BaseImage& base) : base_(base) {}

  Result<std::vector<BasePlatform>> run() {
    auto top = manifest(base_.digest);
    if (!top) return top.error();
    std::vector<BasePlatform> found;
    if (!is_index(*top)) {
      auto platform = image(*top);
      if (!platform) return platform.error();
      if (*platform) found.push_back(std::move(**platform));
    } else if (auto taken = take_all((*top)["manifests"], found); !taken) {
      return taken.error();
    }
    if (found.empty())
      return Error{Error::Kind::usage, base_.name + ": no image for linux on amd64 or arm64",
                   "`skopeo copy --all` takes every platform of an image"};
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.architecture < b.architecture; });
    return found;
  }

 private:
  [[nodiscard]] Error broken(const std::string& why) const {
    return {Error::Kind::corrupt, base_.name + ": " + why, "get the base image again"};
  }

  Result<nlohmann::json> manifest(const Digest& digest) {
    auto text = base_.manifest(digest);
    if (!text) return text.error();
    if (digest_of(*text) != digest) return broken("manifest " + to_string(digest) + " is not what its digest says");
    auto value = parse_json(*text, "manifest");
    if (!value) return broken(value.error().message);
    return value;
  }

  Status take_all(const nlohmann::json& entries, std::vector<BasePlatform>& found) {
    if (!entries.is_array()) return broken("not an image index");
    for (const auto& entry : entries) {
      const auto* platform = oci::member(entry, "platform");
      const auto architecture = platform == nullptr ? std::nullopt : oci::text(*platform, "architecture");
      if (!architecture || oci::text(*platform, "os") != "linux") continue;
      if (*architecture != "amd64" && *architecture != "arm64") continue;
      const auto taken = [&](const auto& one) { return one.architecture == *architecture; };
      if (std::any_of(found.begin(), found.end(), taken)) continue;  // a variant: the first is the general one
      const auto descriptor = oci::descriptor_of(entry);
      if (!descriptor) return broken("an entry is no descriptor");
      auto value = manifest(descriptor->digest);
      if (!value) return value.error();
      auto one = image(*value);
      if (!one) return one.error();
      if (*one && (*one)->architecture == *architecture) found.push_back(std::move(**one));
    }
    return ok();
  }

  // nullopt: of another platform.
  Result<std::optional<BasePlatform>> image(const nlohmann::json& value) {
    using Found = std::optional<BasePlatform>;
    const auto* member = oci::member(value, "config");
    const auto descriptor = member == nullptr ? std::nullopt : oci::descriptor_of(*member);
    const auto* layers = oci::member(value, "layers");
    if (!descriptor || layers == nullptr || !layers->is_array() || layers->size() > layers_of_a_base)
      return broken("not an image");
    auto source = base_.blob(descriptor->digest);
    if (!source) return source.error();
    auto text = read_all(**source, manifest_limit);
    if (!text) return text.error().context(base_.name);
    if (digest_of(*text) != descriptor->digest) return broken("its configuration is not what its digest says");
    auto config = parse_json(*text, "configuration");
    if (!config) return broken(config.error().message);
    BasePlatform platform{oci::text(*config, "architecture").value_or(""), std::move(*text), {}};
    const bool ours = platform.architecture == "amd64" || platform.architecture == "arm64";
    if (!ours || oci::text(*config, "os") != "linux") return Found();
    for (const auto& one : *layers) {
      auto layer = oci::descriptor_of(one);
      if (!layer) return broken("a layer is no descriptor");
      auto type = layer_type(layer->media_type);
      if (!type)
        return Error{Error::Kind::usage,
                     base_.name + ": a layer of type " + escape_control(layer->media_type.substr(0, 100)),
                     "take a base image with ordinary layers, e.g. busybox"};
      platform.layers.push_back({std::move(*type), layer->digest, layer->size, "", {}});
    }
    return Found(std::move(platform));
  }

  const BaseImage& base_;
};

}  // namespace

Result<BaseImage> base_in_folder(const fs::path& folder) {
  const std::string name = escape_control(folder.string());
  const Error none{Error::Kind::usage, name + ": not an OCI image layout with one image in it",
                   "`skopeo copy --all docker://IMAGE oci:FOLDER` writes one"};
  auto text = read_file(folder / "index.json", manifest_limit);
  if (!text && text.error().kind == Error::Kind::not_found) return none;
  if (!text) return text.error();
  auto index = parse_json(*text, name + "/index.json");
  const auto* entries = index ? oci::member(*index, "manifests") : nullptr;
  if (entries == nullptr || !entries->is_array() || entries->size() != 1) return none;
  const auto entry = oci::descriptor_of((*entries)[0]);
  if (!entry) return none;
  const auto open = [blobs = folder / "blobs" / "sha256"](const Digest& digest) {
    return open_blob_file(blobs, digest, 0);
  };
  BaseImage base{name, entry->digest, {}, open};
  base.manifest = [open](const Digest& digest) -> Result<std::string> {
    auto source = open(digest);
    if (!source) return source.error();
    return read_all(**source, manifest_limit);
  };
  return base;
}

Result<BaseAddress> parse_base_address(std::string_view text) {
  const Error form{Error::Kind::usage, escape_control(text.substr(0, 300)) + ": a base image is named by its digest",
                   "e.g. oci://registry.example/library/busybox@sha256:…, or a folder that skopeo wrote"};
  const auto at = text.rfind('@');
  if (at == std::string_view::npos) return form;
  auto digest = parse_digest(text.substr(at + 1));
  if (!digest) return form;
  auto registry = parse_remote_address(text.substr(0, at));
  if (!registry) return registry.error();
  const auto slash = registry->path.rfind('/');
  const bool nested = slash != std::string::npos;
  BaseAddress address{*registry, {"", nested ? registry->path.substr(slash + 1) : registry->path}, *digest};
  address.registry.path = nested ? registry->path.substr(0, slash) : "";
  if (address.image.name.empty()) return form;
  return address;
}

BaseImage base_in_store(std::shared_ptr<Store> store, const BaseAddress& address) {
  BaseImage base{to_string(address.registry) + "/" + address.image.name, address.digest, {}, {}};
  base.manifest = [store, image = address.image](const Digest& digest) { return store->read_manifest(image, digest); };
  base.blob = [store = std::move(store), image = address.image](const Digest& digest) {
    return store->open_blob(image, digest, 0);
  };
  return base;
}

Result<std::vector<BasePlatform>> read_base(const BaseImage& base) {
  return BaseReader(base).run();
}

}  // namespace mlctl::registry
