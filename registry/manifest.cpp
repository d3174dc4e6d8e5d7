// The two manifests over one set of layers, written and read back.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>

#include "base/document.h"
#include "registry/oci.h"
#include "registry/pack.h"
#include "registry/paths.h"
#include "registry/tar.h"

namespace mlctl::registry {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

const char* layer_type(Role role) {
  switch (role) {
    case Role::weights:
      return "application/vnd.cncf.model.weight.v1.tar";
    case Role::config:
      return "application/vnd.cncf.model.weight.config.v1.tar";
    case Role::code:
      return "application/vnd.cncf.model.code.v1.tar";
    case Role::doc:
      return "application/vnd.cncf.model.doc.v1.tar";
  }
  return "";
}

std::optional<Role> role_of_type(const std::string& media_type) {
  for (const auto role : {Role::weights, Role::config, Role::code, Role::doc})
    if (media_type == layer_type(role)) return role;
  return std::nullopt;
}

ordered_json file_json(const PackedFile& file) {
  ordered_json value;
  value["path"] = file.path;
  value["size"] = file.size;
  if (file.link.empty()) value["digest"] = to_string(file.digest);
  if (file.executable) value["executable"] = true;
  if (!file.link.empty()) value["link"] = file.link;
  return value;
}

// What ModelPack's readers know of a layer that holds one file.
ordered_json metadata_json(const PackedFile& file) {
  return {{"name", file.path}, {"mode", file.executable ? 0755 : 0644}, {"uid", 0},     {"gid", 0},
          {"size", file.size}, {"mtime", "1970-01-01T00:00:00Z"},       {"typeflag", 0}};
}

Descriptor model_layer(const PackedLayer& layer) {
  Descriptor descriptor{layer_type(layer.role), layer.digest, layer.size, "", {}};
  ordered_json files = ordered_json::array();
  for (const auto& file : layer.files) files.push_back(file_json(file));
  descriptor.annotations[oci::files_annotation] = files.dump();
  if (layer.files.size() == 1 && layer.files[0].link.empty()) {
    descriptor.annotations[oci::file_path] = layer.files[0].path;
    descriptor.annotations[oci::file_metadata] = metadata_json(layer.files[0]).dump();
  }
  return descriptor;
}

ordered_json manifest_json(const char* artifact_type, const char* config_type, const std::string& config) {
  ordered_json manifest;
  manifest["schemaVersion"] = 2;
  manifest["mediaType"] = oci::manifest_type;
  if (artifact_type != nullptr) manifest["artifactType"] = artifact_type;
  manifest["config"] = oci::to_json({config_type, digest_of(config), config.size(), "", {}});
  manifest["layers"] = ordered_json::array();
  return manifest;
}

Error broken(const std::string& why) {
  return {Error::Kind::corrupt, "not a model's manifest: " + why, ""};
}

Result<PackedFile> file_of(const json& value, Role role) {
  const auto path = oci::text(value, "path");
  const auto size = oci::count(value, "size");
  if (!path || !size) return broken("a file without path or size");
  PackedFile file{*path, role, *size, false, oci::text(value, "link").value_or(""), digest_of("")};
  const auto* executable = oci::member(value, "executable");
  file.executable = executable != nullptr && executable->is_boolean() && executable->get<bool>();
  if (!file.link.empty()) return file.size == 0 ? Result<PackedFile>(file) : broken("a link with a size");
  const auto digest = oci::text(value, "digest");
  if (!digest) return broken("a file without digest");
  auto parsed = parse_digest(*digest);
  if (!parsed) return broken(parsed.error().message);
  file.digest = *parsed;
  return file;
}

Result<PackedLayer> layer_of(const json& value) {
  const auto descriptor = oci::descriptor_of(value);
  if (!descriptor) return broken("a layer is no descriptor");
  const auto role = role_of_type(descriptor->media_type);
  const auto annotation = descriptor->annotations.find(oci::files_annotation);
  if (!role || annotation == descriptor->annotations.end())
    return broken("a layer that mlctl did not pack (" + descriptor->media_type.substr(0, 100) + ")");
  auto files = parse_json(annotation->second, "files of a layer");
  if (!files) return broken(files.error().message);
  if (!files->is_array() || files->empty()) return broken("a layer without files");
  PackedLayer layer{*role, descriptor->digest, descriptor->size, {}};
  std::uint64_t size = tar::trailer().size();
  for (const auto& one : *files) {
    auto file = file_of(one, *role);
    if (!file) return file.error();
    if (file->size > descriptor->size) return broken("a file larger than its layer");
    size += tar::header({file->path, file->size, file->executable, file->link}).size() + file->size +
            tar::padding(file->size);
    layer.files.push_back(std::move(*file));
    if (layer.files.size() > files_limit || size > descriptor->size) return broken("files larger than their layer");
  }
  if (size != descriptor->size) return broken("a layer whose size does not fit its files");
  return layer;
}

}  // namespace

Result<PackedModel> pack_manifests(const std::vector<PackedLayer>& layers) {
  ordered_json digests = ordered_json::array();
  for (const auto& layer : layers) digests.push_back(to_string(layer.digest));
  PackedModel model;
  model.config = ordered_json{{"descriptor", ordered_json::object()},
                              {"config", ordered_json::object()},
                              {"modelfs", {{"type", "layers"}, {"diffIds", digests}}}}
                     .dump();
  ordered_json manifest = manifest_json(oci::model_type, oci::model_config_type, model.config);
  for (const auto& layer : layers) manifest["layers"].push_back(oci::to_json(model_layer(layer)));
  model.manifest = manifest.dump();
  model.digest = digest_of(model.manifest);
  if (model.manifest.size() > manifest_limit)
    return Error{Error::Kind::usage, "too many files: their list is larger than 4 MiB",
                 "put them together in an archive, or name fewer under `files:`"};

  model.image_config = ordered_json{{"architecture", "amd64"},
                                    {"os", "linux"},
                                    {"config", ordered_json::object()},
                                    {"rootfs", {{"type", "layers"}, {"diff_ids", digests}}}}
                           .dump();
  ordered_json image = manifest_json(nullptr, oci::image_config_type, model.image_config);
  for (const auto& layer : layers)
    image["layers"].push_back(oci::to_json({oci::image_layer_type, layer.digest, layer.size, "", {}}));
  image["subject"] = oci::to_json({oci::manifest_type, model.digest, model.manifest.size(), "", {}});
  image["annotations"] = {{oci::model_annotation, to_string(model.digest)}};
  model.image_manifest = image.dump();
  model.image = digest_of(model.image_manifest);
  return model;
}

Result<std::vector<PackedLayer>> parse_manifest(std::string_view manifest) {
  if (manifest.size() > manifest_limit) return broken("larger than 4 MiB");
  auto value = parse_json(manifest, "manifest");
  if (!value) return broken(value.error().message);
  if (oci::text(*value, "artifactType") != oci::model_type) return broken("of another type");
  const auto* list = oci::member(*value, "layers");
  if (list == nullptr || !list->is_array() || list->empty()) return broken("no layers");
  std::vector<PackedLayer> layers;
  std::vector<TreePath> tree;
  for (const auto& one : *list) {
    auto layer = layer_of(one);
    if (!layer) return layer.error();
    for (const auto& file : layer->files) tree.push_back({file.path, file.link});
    if (tree.size() > files_limit) return broken("more than 10,000 files");
    layers.push_back(std::move(*layer));
  }
  if (auto legal = check_tree(tree); !legal) return broken(legal.error().message);
  return layers;
}

}  // namespace mlctl::registry
