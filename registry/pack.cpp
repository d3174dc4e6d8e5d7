#include "registry/pack.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/terminal.h"
#include "registry/digest_cache.h"
#include "registry/paths.h"
#include "registry/tar.h"

namespace mlctl::registry {
namespace {

constexpr std::array roles{Role::weights, Role::config, Role::code, Role::doc};

tar::Entry entry_of(const ModelFile& file) {
  return {file.path, file.size, file.executable, file.link};
}

std::uint64_t tar_size(const ModelFile& file) {
  return tar::header(entry_of(file)).size() + file.size + tar::padding(file.size);
}

// The paths of the files that get a layer each: the largest, as many as the limit leaves room for.
std::vector<std::string> paths_alone(const std::vector<ModelFile>& files) {
  std::vector<const ModelFile*> large;
  for (const auto& file : files)
    if (file.size >= large_file) large.push_back(&file);
  std::stable_sort(large.begin(), large.end(), [](const auto* a, const auto* b) { return a->size > b->size; });
  large.resize(std::min(large.size(), layers_limit - roles.size()));
  std::vector<std::string> paths;
  paths.reserve(large.size());
  for (const auto* file : large) paths.push_back(file->path);
  std::sort(paths.begin(), paths.end());
  return paths;
}

Error changed(const ModelFile& file) {
  return {Error::Kind::unavailable, escape_control(file.path) + ": changed while it was read",
          "run the command again when nothing writes to it"};
}

// What the layer's hash and the sink behind it have seen.
class LayerWriter {
 public:
  explicit LayerWriter(const Sink& sink) : sink_(sink) {}
  [[nodiscard]] Status write(std::string_view bytes) {
    hash_.update(bytes);
    size_ += bytes.size();
    return sink_(bytes);
  }

  // The content of one file: hashed twice and passed on, all at the same time. Gives the file's own digest.
  [[nodiscard]] Result<Digest> content(const ModelFile& file) {
    Sha256 own;
    if (!file.link.empty()) return own.finish();
    auto source = file.open();
    if (!source) return source.error();
    std::uint64_t left = file.size;
    const auto next = [&](char* into, std::size_t room) -> Result<std::size_t> {
      auto got = (*source)->read(into, room);
      if (!got) return got;
      if (*got > left || (*got == 0 && left > 0)) return changed(file);
      left -= *got;
      return got;
    };
    const auto into = [](Sha256& hash) {
      return [&hash](std::string_view bytes) {
        hash.update(bytes);
        return ok();
      };
    };
    if (auto pumped = pump(next, {into(own), into(hash_), sink_}, file.size); !pumped) return pumped.error();
    size_ += file.size;
    return own.finish();
  }

  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] Digest finish() { return hash_.finish(); }

 private:
  const Sink& sink_;
  Sha256 hash_;
  std::uint64_t size_ = 0;
};

// Everything that the bytes of a layer follow from.
Digest layer_key(const std::vector<PackedFile>& files) {
  std::string text = "tar\n";
  for (const auto& file : files)
    text += file.path + '\0' + std::to_string(file.size) + (file.executable ? " x " : " - ") + file.digest.hex() +
            file.link + '\0';
  return digest_of(text);
}

PackedFile packed(const ModelFile& file, const Digest& digest) {
  return {file.path, file.role, file.size, file.executable, file.link, digest};
}

void remember(const LayerPlan& plan, const PackedLayer& layer) {
  for (std::size_t i = 0; i < plan.files.size(); ++i)
    if (plan.files[i].cache && plan.files[i].link.empty())
      plan.files[i].cache->remember(plan.files[i].identity, layer.files[i].digest);
  if (const auto& cache = plan.files[0].cache)
    cache->remember_layer(layer_key(layer.files), {layer.digest, layer.size});
}

}  // namespace

std::optional<PackedLayer> known_layer(const LayerPlan& plan) {
  const auto& cache = plan.files[0].cache;
  if (!cache) return std::nullopt;
  PackedLayer layer{plan.role, {}, plan.size, {}};
  layer.files.reserve(plan.files.size());
  for (const auto& file : plan.files) {
    const auto digest = file.link.empty() ? cache->digest(file.identity) : digest_of("");
    if (!digest) return std::nullopt;
    layer.files.push_back(packed(file, *digest));
  }
  const auto found = cache->layer(layer_key(layer.files));
  if (!found || found->size != plan.size) return std::nullopt;
  layer.digest = found->digest;
  return layer;
}

Result<std::vector<LayerPlan>> plan_layers(std::vector<ModelFile> files) {
  if (files.empty()) return Error{Error::Kind::usage, "no files: a version without files cannot be", ""};
  if (files.size() > files_limit)
    return Error{Error::Kind::usage, "more than 10,000 files: " + std::to_string(files.size()),
                 "put them together in an archive, or name fewer under `files:`"};
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  std::vector<TreePath> tree;
  tree.reserve(files.size());
  for (const auto& file : files) tree.push_back({file.path, file.link});
  if (auto legal = check_tree(tree); !legal) return legal.error();

  const auto alone = paths_alone(files);
  std::vector<LayerPlan> plans;
  std::array<LayerPlan, roles.size()> together;
  for (auto& file : files) {
    const Role role = file.role;
    const std::uint64_t size = tar_size(file);
    if (std::binary_search(alone.begin(), alone.end(), file.path)) {
      plans.push_back({role, {std::move(file)}, size + tar::trailer().size()});
      continue;
    }
    auto& group = together[static_cast<std::size_t>(role)];
    group.role = role;
    group.size += size;
    group.files.push_back(std::move(file));
  }
  for (auto& group : together) {
    if (group.files.empty()) continue;
    group.size += tar::trailer().size();
    plans.push_back(std::move(group));
  }
  return plans;
}

Result<PackedLayer> pack_layer(const LayerPlan& plan, const Sink& sink) {
  PackedLayer layer;
  layer.role = plan.role;
  LayerWriter out(sink);
  for (const auto& file : plan.files) {
    if (auto written = out.write(tar::header(entry_of(file))); !written) return written.error();
    auto digest = out.content(file);
    if (!digest) return digest.error();
    if (auto written = out.write(std::string(tar::padding(file.size), '\0')); !written) return written.error();
    layer.files.push_back(packed(file, *digest));
  }
  if (auto written = out.write(tar::trailer()); !written) return written.error();
  layer.size = out.size();
  layer.digest = out.finish();
  remember(plan, layer);
  return layer;
}

Result<PackedModel> pack_digest(const std::vector<ModelFile>& files) {
  auto plans = plan_layers(files);
  if (!plans) return plans.error();
  std::vector<PackedLayer> layers;
  for (const auto& plan : *plans) {
    if (auto known = known_layer(plan)) {
      layers.push_back(std::move(*known));
      continue;
    }
    auto layer = pack_layer(plan, [](std::string_view) { return ok(); });
    if (!layer) return layer.error();
    layers.push_back(std::move(*layer));
  }
  return pack_manifests(layers);
}

}  // namespace mlctl::registry
