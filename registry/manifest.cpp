// The two manifests over one set of layers, written and read back.
#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>

#include "base/document.h"
#include "base/terminal.h"
#include "registry/oci.h"
#include "registry/pack.h"
#include "registry/paths.h"
#include "registry/tar.h"

namespace mlctl::registry {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::string_view prefix_now = "application/vnd.cncf.model.";
constexpr std::string_view prefix_before = "application/vnd.cnai.model.";  // what the same project wrote until 2025

const char* part_of(Role role) {
  switch (role) {
    case Role::weights:
      return "weight";
    case Role::config:
      return "weight.config";
    case Role::code:
      return "code";
    case Role::doc:
      return "doc";
  }
  return "";
}

std::string layer_type(Role role, LayerKind kind) {
  return std::string(prefix_now) + part_of(role) + ".v1." + to_string(kind);
}

// "…{weight|weight.config|doc|code|dataset}.v1.{raw|tar|tar+gzip|tar+zstd}". A data set is nothing that is served.
bool take_type(std::string_view type, PackedLayer& layer) {
  if (type.substr(0, prefix_now.size()) != prefix_now && type.substr(0, prefix_before.size()) != prefix_before)
    return false;
  type.remove_prefix(prefix_now.size());
  const auto version = type.find(".v1.");
  if (version == std::string_view::npos) return false;
  const auto part = type.substr(0, version), kind = type.substr(version + 4);
  bool known = part == "dataset";
  if (known) layer.role = Role::doc;
  for (const auto role : {Role::weights, Role::config, Role::code, Role::doc})
    if (part == part_of(role)) {
      layer.role = role;
      known = true;
    }
  for (const auto one : {LayerKind::raw, LayerKind::tar, LayerKind::tar_gzip, LayerKind::tar_zstd})
    if (kind == to_string(one)) {
      layer.kind = one;
      return known;
    }
  return false;
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
  Descriptor descriptor{layer_type(layer.role, layer.kind), layer.digest, layer.size, "", {}};
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

Result<PackedLayer> with_files(PackedLayer layer, const std::string& annotation) {
  auto files = parse_json(annotation, "files of a layer");
  if (!files) return broken(files.error().message);
  if (!files->is_array() || files->empty()) return broken("a layer without files");
  std::uint64_t size = layer.kind == LayerKind::raw ? 0 : tar::trailer().size();
  const bool plain = layer.kind == LayerKind::raw || layer.kind == LayerKind::tar;
  for (const auto& one : *files) {
    auto file = file_of(one, layer.role);
    if (!file) return file.error();
    if (plain && file->size > layer.size) return broken("a file larger than its layer");
    if (layer.kind == LayerKind::raw)
      size += file->size;
    else
      size += tar::header({file->path, file->size, file->executable, file->link}).size() + file->size +
              tar::padding(file->size);
    layer.files.push_back(std::move(*file));
    if (layer.files.size() > files_limit || (plain && size > layer.size))
      return broken("files larger than their layer");
  }
  if (plain && size != layer.size) return broken("a layer whose size does not fit its files");
  if (layer.kind == LayerKind::raw && (layer.files.size() != 1 || layer.files[0].digest != layer.digest))
    return broken("a raw layer that is not its one file");
  return layer;
}

const std::string* annotation_of(const Descriptor& descriptor, std::initializer_list<const char*> keys) {
  for (const char* key : keys)
    if (const auto found = descriptor.annotations.find(key); found != descriptor.annotations.end())
      return &found->second;
  return nullptr;
}

// A raw layer of another tool: its annotations are all that says where its bytes belong.
Result<PackedLayer> raw_layer(PackedLayer layer, const Descriptor& descriptor) {
  const auto* path = annotation_of(descriptor, {oci::file_path, oci::file_path_before, oci::title_annotation});
  if (path == nullptr) return broken("a raw layer without " + std::string(oci::file_path));
  PackedFile file{*path, layer.role, layer.size, false, "", layer.digest};
  if (const auto* text = annotation_of(descriptor, {oci::file_metadata, oci::file_metadata_before})) {
    auto metadata = parse_json(*text, oci::file_metadata);
    if (!metadata) return broken(metadata.error().message);
    if (const auto size = oci::count(*metadata, "size"); size && *size != layer.size)
      return broken(escape_control(*path) + ": its layer has another size than its metadata says");
    file.executable = (oci::count(*metadata, "mode").value_or(0) & 0111U) != 0;
  }
  layer.files.push_back(std::move(file));
  return layer;
}

Result<PackedLayer> layer_of(const json& value) {
  const auto descriptor = oci::descriptor_of(value);
  if (!descriptor) return broken("a layer is no descriptor");
  PackedLayer layer{Role::weights, descriptor->digest, descriptor->size, {}};
  if (!take_type(descriptor->media_type, layer))
    return broken("a layer that is no part of a model (" + escape_control(descriptor->media_type.substr(0, 100)) + ")");
  if (layer.kind == LayerKind::raw || layer.kind == LayerKind::tar) layer.content = layer.digest;
  if (const auto* annotation = annotation_of(*descriptor, {oci::files_annotation}))
    return with_files(std::move(layer), *annotation);
  layer.exact = false;
  if (layer.kind == LayerKind::raw) return raw_layer(std::move(layer), *descriptor);
  layer.listed = false;
  return layer;
}

// Older tools say it by the type of the configuration alone.
bool is_model(const json& manifest) {
  const auto type = oci::text(manifest, "artifactType").value_or("");
  if (!type.empty()) return type == oci::model_type || type == oci::model_type_before;
  const auto* config = oci::member(manifest, "config");
  const auto config_type = config == nullptr ? "" : oci::text(*config, "mediaType").value_or("");
  return config_type == oci::model_config_type || config_type == oci::model_config_type_before;
}

Status check_files(const std::vector<PackedLayer>& layers) {
  std::vector<TreePath> tree;
  for (const auto& layer : layers)
    for (const auto& file : layer.files) {
      tree.push_back({file.path, file.link});
      if (tree.size() > files_limit) return broken("more than 10,000 files");
    }
  auto legal = check_tree(tree);
  return legal ? ok() : Status(broken(legal.error().message));
}

}  // namespace

Result<PackedModel> pack_manifests(const std::vector<PackedLayer>& layers) {
  ordered_json digests = ordered_json::array();
  for (const auto& layer : layers) digests.push_back(to_string(layer.content));
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

  const auto is_mountable = [](const PackedLayer& layer) { return layer.kind == LayerKind::tar; };
  if (!std::all_of(layers.begin(), layers.end(), is_mountable)) return model;
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
  if (!is_model(*value)) return broken("of another type");
  const auto* list = oci::member(*value, "layers");
  if (list == nullptr || !list->is_array() || list->empty()) return broken("no layers");
  if (list->size() > files_limit) return broken("more than 10,000 layers");
  std::vector<PackedLayer> layers;
  for (const auto& one : *list) {
    auto layer = layer_of(one);
    if (!layer) return layer.error();
    layers.push_back(std::move(*layer));
  }
  if (auto legal = check_files(layers); !legal) return legal.error();
  return layers;
}

Result<std::vector<PackedLayer>> read_layers(Store& store, const ModelName& model, std::string_view manifest) {
  auto layers = parse_manifest(manifest);
  if (!layers) return layers;
  bool read = false;
  for (auto& layer : *layers) {
    if (layer.listed) continue;
    auto source = open_layer(store, model, layer);
    if (!source) return source.error();
    auto files = list_files(layer, **source);
    if (!files) return files.error();
    layer.files = std::move(*files);
    layer.listed = read = true;
  }
  if (!read) return layers;
  if (auto legal = check_files(*layers); !legal) return legal.error();
  return layers;
}

}  // namespace mlctl::registry
