#include "registry/modelcar.h"

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/document.h"
#include "base/terminal.h"
#include "registry/copy.h"
#include "registry/oci.h"
#include "registry/tar.h"

namespace mlctl::registry {
namespace {

using nlohmann::ordered_json;

// Where images keep what is theirs, and ours keeps the links.
constexpr std::array reserved{"bin",    "boot",  "dev", "etc", "home", "lib",   "lib32", "lib64",
                              "libx32", "media", "mnt", "opt", "proc", "root",  "run",   "sbin",
                              "srv",    "sys",   "tmp", "usr", "var",  "models"};

Status check_place(const std::string& path) {
  const std::string top = path.substr(0, path.find('/'));
  if (std::find(reserved.begin(), reserved.end(), top) == reserved.end()) return ok();
  return Error{Error::Kind::usage,
               escape_control(path) + ": a modelcar has a shell, and its image keeps files of its own in /" + top,
               "rename it, or mount the image instead: that holds nothing but the model"};
}

Result<std::vector<PackedFile>> files_of(const std::vector<PackedLayer>& layers) {
  std::vector<PackedFile> files;
  for (const auto& layer : layers)
    for (const auto& file : layer.files) {
      if (auto free = check_place(file.path); !free) return free.error();
      files.push_back(file);
    }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return files;
}

// /models: links of the model as they are, for the tree is the same there; anything else leads out of it.
std::string links_layer(const std::vector<PackedFile>& files) {
  std::string bytes;
  for (const auto& file : files) {
    std::string link = file.link;
    if (link.empty()) {
      link = "../";
      for (const char c : file.path)
        if (c == '/') link += "../";
      link += file.path;
    }
    bytes += tar::header({"models/" + file.path, 0, false, link});
  }
  return bytes + tar::trailer();
}

// The base's configuration with our layers. What it says about itself (labels, entry point, history) is not ours; who
// runs it is KServe's to say, or the base's.
Result<std::string> config_of(const BasePlatform& platform, const ordered_json& ours) {
  const Error broken{Error::Kind::corrupt, "the base image: its configuration does not name its layers", ""};
  auto base = parse_json(platform.config, "configuration");
  if (!base) return broken;
  const auto* rootfs = oci::member(*base, "rootfs");
  const auto* named = rootfs == nullptr ? nullptr : oci::member(*rootfs, "diff_ids");
  if (named == nullptr || !named->is_array() || named->size() != platform.layers.size()) return broken;
  ordered_json config{{"architecture", platform.architecture}, {"os", "linux"}};
  if (const auto variant = oci::text(*base, "variant")) config["variant"] = *variant;
  config["config"] = ordered_json::object();
  if (const auto* inner = oci::member(*base, "config"))
    for (const char* key : {"User", "Env", "WorkingDir"})
      if (const auto* value = oci::member(*inner, key); value != nullptr && !value->is_null())
        config["config"][key] = *value;
  config["config"]["Cmd"] = {"sleep", "infinity"};
  ordered_json digests = *named;
  digests.insert(digests.end(), ours.begin(), ours.end());
  config["rootfs"] = {{"type", "layers"}, {"diff_ids", std::move(digests)}};
  return config.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

struct Linked {
  ordered_json subject;
  std::map<std::string, std::string> annotations;
};

ModelcarImage image_of(const BasePlatform& platform, std::string config, const std::vector<Descriptor>& ours,
                       const Linked& linked) {
  ordered_json manifest{{"schemaVersion", 2}, {"mediaType", oci::manifest_type}};
  manifest["config"] = oci::to_json({oci::image_config_type, digest_of(config), config.size(), "", {}});
  manifest["layers"] = ordered_json::array();
  for (const auto* list : {&platform.layers, &ours})
    for (const auto& layer : *list) manifest["layers"].push_back(oci::to_json(layer));
  manifest["subject"] = linked.subject;
  manifest["annotations"] = linked.annotations;
  ModelcarImage image{std::move(config), manifest.dump(), {}, platform.layers};
  image.descriptor = {oci::manifest_type, digest_of(image.manifest), image.manifest.size(), oci::image_config_type,
                      linked.annotations};
  return image;
}

void add_index(Modelcar& modelcar, const std::vector<BasePlatform>& platforms, const Linked& linked) {
  ordered_json index{{"schemaVersion", 2}, {"mediaType", oci::index_type}};
  index["manifests"] = ordered_json::array();
  for (std::size_t i = 0; i < platforms.size(); ++i) {
    const auto& image = modelcar.images[i];
    auto entry = oci::to_json({oci::manifest_type, image.descriptor.digest, image.descriptor.size, "", {}});
    entry["platform"] = {{"architecture", platforms[i].architecture}, {"os", "linux"}};
    index["manifests"].push_back(std::move(entry));
  }
  index["subject"] = linked.subject;
  index["annotations"] = linked.annotations;
  modelcar.index = index.dump();
  modelcar.descriptor = {oci::index_type, digest_of(modelcar.index), modelcar.index.size(), "", linked.annotations};
}

}  // namespace

Status check_modelcar_paths(const std::vector<ModelFile>& files) {
  for (const auto& file : files)
    if (auto free = check_place(file.path); !free) return free;
  return ok();
}

Result<Modelcar> plan_modelcar(const Digest& base, const std::vector<BasePlatform>& platforms,
                               const PackedModel& model) {
  auto layers = parse_manifest(model.manifest);
  if (!layers) return layers.error();
  if (model.image_manifest.empty())
    return Error{Error::Kind::usage, "such layers cannot be mounted, so they make no modelcar",
                 "push without --layers"};
  auto files = files_of(*layers);
  if (!files) return files.error();

  Modelcar modelcar;
  modelcar.model = model.digest;
  modelcar.links = links_layer(*files);
  std::vector<Descriptor> ours;
  ordered_json digests = ordered_json::array();
  for (const auto& layer : *layers) ours.push_back({oci::image_layer_type, layer.digest, layer.size, "", {}});
  ours.push_back({oci::image_layer_type, digest_of(modelcar.links), modelcar.links.size(), "", {}});
  for (const auto& layer : ours) digests.push_back(to_string(layer.digest));
  modelcar.ours = std::move(*layers);

  const auto subject = oci::to_json({oci::manifest_type, model.digest, model.manifest.size(), "", {}});
  const Linked part{subject, {{oci::model_annotation, to_string(model.digest)}}};
  Linked whole = part;
  whole.annotations[oci::modelcar_annotation] = to_string(base);
  const bool alone = platforms.size() == 1;
  for (const auto& platform : platforms) {
    auto config = config_of(platform, digests);
    if (!config) return config.error();
    modelcar.images.push_back(image_of(platform, std::move(*config), ours, alone ? whole : part));
  }
  if (alone)
    modelcar.descriptor = modelcar.images[0].descriptor;
  else
    add_index(modelcar, platforms, whole);
  return modelcar;
}

Status store_modelcar(Store& store, const ModelName& model, const BaseImage& base, const Modelcar& modelcar,
                      Progress& progress) {
  std::uint64_t done = 0;
  const auto told = [&](std::uint64_t bytes) { progress.update(human_bytes(done += bytes)); };
  for (const auto& image : modelcar.images) {
    for (const auto& layer : image.base) {
      const Error corrupt{Error::Kind::corrupt,
                          base.name + ": blob " + to_string(layer.digest) + " is not what its digest says",
                          "get the base image again"};
      auto sent = send_blob(store, model, layer, [&] { return base.blob(layer.digest); }, corrupt, told);
      if (!sent) return sent.error();
    }
    // What the first image took hold of, a collector may have taken once it was published: asked for again each time.
    for (const auto& layer : modelcar.ours)
      if (auto there = store.has_blob(model, layer.digest, layer.size); !there) return there.error();
    for (const auto& text : {modelcar.links, image.config})
      if (auto put = store.put_blob(model, text); !put) return put;
    if (auto put = store.put_referrer(model, modelcar.model, image.descriptor, image.manifest); !put) return put;
  }
  if (modelcar.index.empty()) return ok();
  return store.put_referrer(model, modelcar.model, modelcar.descriptor, modelcar.index);
}

Result<std::vector<ModelcarInfo>> find_modelcars(Store& store, const ModelName& model, const Digest& subject) {
  auto referrers = store.referrers(model, subject);
  if (!referrers) return referrers.error();
  std::vector<ModelcarInfo> found;
  for (const auto& one : *referrers)
    if (const auto base = one.annotations.find(oci::modelcar_annotation); base != one.annotations.end())
      if (auto digest = parse_digest(base->second)) found.push_back({one.digest, *digest});
  return found;
}

Result<std::vector<Descriptor>> modelcar_blobs(Store& store, const ModelName& model, const Digest& modelcar) {
  std::vector<Descriptor> blobs;
  std::vector<Digest> waiting{modelcar};
  std::set<Digest> seen;
  while (!waiting.empty()) {
    const Digest next = waiting.back();
    waiting.pop_back();
    if (!seen.insert(next).second) continue;
    auto text = store.read_manifest(model, next);
    if (!text) return text.error();
    auto value = parse_json(*text, "manifest " + to_string(next));
    if (!value) return Error{Error::Kind::corrupt, value.error().message, ""};
    if (const auto* config = oci::member(*value, "config"))
      if (auto blob = oci::descriptor_of(*config)) blobs.push_back(std::move(*blob));
    if (const auto* layers = oci::member(*value, "layers"); layers != nullptr && layers->is_array())
      for (const auto& layer : *layers)
        if (auto blob = oci::descriptor_of(layer)) blobs.push_back(std::move(*blob));
    if (const auto* images = oci::member(*value, "manifests");
        images != nullptr && images->is_array() && next == modelcar)
      for (const auto& image : *images)
        if (auto entry = oci::descriptor_of(image)) waiting.push_back(entry->digest);
  }
  return blobs;
}

}  // namespace mlctl::registry
