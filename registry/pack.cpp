#include "registry/pack.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/terminal.h"
#include "registry/compression.h"
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

Result<std::vector<LayerPlan>> plan_raw(std::vector<ModelFile> files) {
  std::vector<LayerPlan> plans;
  plans.reserve(files.size());
  for (auto& file : files) {
    if (!file.link.empty())
      return Error{Error::Kind::usage, escape_control(file.path) + ": a link, which a raw layer cannot hold",
                   "push without --layers raw, or leave the link out of `files:`"};
    const Role role = file.role;
    const std::uint64_t size = file.size;
    plans.push_back({role, LayerKind::raw, {std::move(file)}, size});
  }
  return plans;
}

// Everything that the bytes of a layer follow from.
Digest layer_key(LayerKind kind, const std::vector<PackedFile>& files) {
  std::string text = kind == LayerKind::tar ? "tar\n" : std::string(to_string(kind)) + " " + zstd_version() + "\n";
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
  const auto& cache = plan.files[0].cache;
  if (cache && plan.kind != LayerKind::raw)
    cache->remember_layer(layer_key(plan.kind, layer.files), {layer.digest, layer.size, layer.content});
}

}  // namespace

const char* to_string(LayerKind kind) {
  switch (kind) {
    case LayerKind::raw:
      return "raw";
    case LayerKind::tar:
      return "tar";
    case LayerKind::tar_gzip:
      return "tar+gzip";
    case LayerKind::tar_zstd:
      return "tar+zstd";
  }
  return "";
}

std::optional<PackedLayer> known_layer(const LayerPlan& plan) {
  const auto& cache = plan.files[0].cache;
  if (!cache) return std::nullopt;
  PackedLayer layer{plan.role, {}, plan.size, {}, plan.kind, {}};
  layer.files.reserve(plan.files.size());
  for (const auto& file : plan.files) {
    const auto digest = file.link.empty() ? cache->digest(file.identity) : digest_of("");
    if (!digest) return std::nullopt;
    layer.files.push_back(packed(file, *digest));
  }
  if (plan.kind == LayerKind::raw) {
    layer.digest = layer.content = layer.files[0].digest;
    return layer;
  }
  const auto found = cache->layer(layer_key(plan.kind, layer.files));
  if (!found || (plan.kind == LayerKind::tar && found->size != plan.size)) return std::nullopt;
  layer.digest = found->digest;
  layer.size = found->size;
  layer.content = found->content;
  return layer;
}

Result<std::vector<LayerPlan>> plan_layers(std::vector<ModelFile> files, LayerKind kind) {
  if (files.empty()) return Error{Error::Kind::usage, "no files: a version without files cannot be", ""};
  if (files.size() > files_limit)
    return Error{Error::Kind::usage, "more than 10,000 files: " + std::to_string(files.size()),
                 "put them together in an archive, or name fewer under `files:`"};
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  std::vector<TreePath> tree;
  tree.reserve(files.size());
  for (const auto& file : files) tree.push_back({file.path, file.link});
  if (auto legal = check_tree(tree); !legal) return legal.error();

  if (kind == LayerKind::raw) return plan_raw(std::move(files));
  const auto alone = paths_alone(files);
  std::vector<LayerPlan> plans;
  std::array<LayerPlan, roles.size()> together;
  for (auto& file : files) {
    const Role role = file.role;
    const std::uint64_t size = tar_size(file);
    if (std::binary_search(alone.begin(), alone.end(), file.path)) {
      plans.push_back({role, kind, {std::move(file)}, size + tar::trailer().size()});
      continue;
    }
    auto& group = together[static_cast<std::size_t>(role)];
    group.role = role;
    group.kind = kind;
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

namespace {

// The plain bytes of a layer: its files, as a tar or as they are.
Status write_files(const LayerPlan& plan, LayerWriter& out, PackedLayer& layer) {
  const bool as_tar = plan.kind != LayerKind::raw;
  for (const auto& file : plan.files) {
    if (as_tar)
      if (auto written = out.write(tar::header(entry_of(file))); !written) return written;
    auto digest = out.content(file);
    if (!digest) return digest.error();
    if (as_tar)
      if (auto written = out.write(std::string(tar::padding(file.size), '\0')); !written) return written;
    layer.files.push_back(packed(file, *digest));
  }
  return as_tar ? out.write(tar::trailer()) : ok();
}

Status write_zstd(const LayerPlan& plan, const Sink& sink, PackedLayer& layer) {
  Sha256 hash;
  ZstdWriter zstd([&](std::string_view bytes) {
    hash.update(bytes);
    layer.size += bytes.size();
    return sink(bytes);
  });
  const Sink compress = [&](std::string_view bytes) { return zstd.write(bytes); };
  LayerWriter out(compress);
  if (auto written = write_files(plan, out, layer); !written) return written;
  if (auto ended = zstd.finish(); !ended) return ended;
  // Nobody would take it, and a version is for ever.
  if (is_bomb(layer.size, out.size()))
    return Error{Error::Kind::usage,
                 plan.files.front().path + ": " + human_bytes(out.size()) + " compress to " + human_bytes(layer.size) +
                     ", which everybody who reads it takes for a bomb",
                 "push without --layers tar+zstd"};
  layer.content = out.finish();
  layer.digest = hash.finish();
  return ok();
}

}  // namespace

Result<PackedLayer> pack_layer(const LayerPlan& plan, const Sink& sink) {
  PackedLayer layer{plan.role, {}, 0, {}, plan.kind, {}};
  if (plan.kind == LayerKind::tar_zstd) {
    if (auto written = write_zstd(plan, sink, layer); !written) return written.error();
  } else {
    LayerWriter out(sink);
    if (auto written = write_files(plan, out, layer); !written) return written.error();
    layer.size = out.size();
    layer.digest = layer.content = out.finish();
  }
  remember(plan, layer);
  return layer;
}

Result<PackedModel> pack_digest(const std::vector<ModelFile>& files, LayerKind kind) {
  auto plans = plan_layers(files, kind);
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
