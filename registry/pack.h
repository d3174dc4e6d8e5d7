// Files -> layers and manifests. The same files give the same digest everywhere: no times, owners zero, modes 0644 or
// 0755, sorted by path. Each large file is one uncompressed tar, small ones go together in one tar per role; each file
// is read once and hashed twice on the way, at the same time (its own digest, its layer's). The same layers serve two
// manifests: the ModelPack artifact, whose digest is the version's identity, and an OCI image that a cluster mounts,
// whose `subject` is the first. Sources: CNCF model-spec, OCI image-spec 1.1, POSIX.1-2001 pax.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/result.h"
#include "registry/files.h"
#include "registry/pump.h"
#include "registry/store.h"

namespace mlctl::registry {

inline constexpr std::uint64_t large_file = 4U << 20U;  // bytes; from here on a file has a layer to itself
inline constexpr std::size_t layers_limit = 100;
inline constexpr std::size_t files_limit = 10'000;  // so that the manifest stays below manifest_limit

struct PackedFile {
  std::string path;
  Role role = Role::weights;
  std::uint64_t size = 0;
  bool executable = false;
  std::string link;
  Digest digest;  // of the file's own bytes; of nothing for links
  bool operator==(const PackedFile&) const = default;
};

struct LayerPlan {
  Role role = Role::weights;
  std::vector<ModelFile> files;  // sorted by path
  std::uint64_t size = 0;        // bytes of the tar
};
struct PackedLayer {
  Role role = Role::weights;
  Digest digest;  // of the tar
  std::uint64_t size = 0;
  std::vector<PackedFile> files;
};
struct PackedModel {
  std::string manifest, config;              // ModelPack
  std::string image_manifest, image_config;  // mountable
  Digest digest;                             // of manifest: the identity
  Digest image;                              // of image_manifest
};

// Pure. Error{usage}: no files, too many, paths that collide or that no model may have. Order and grouping depend on
// paths, roles and sizes only.
[[nodiscard]] Result<std::vector<LayerPlan>> plan_layers(std::vector<ModelFile> files);

// What the cache of its files knows the layer to be; nothing is read.
[[nodiscard]] std::optional<PackedLayer> known_layer(const LayerPlan& plan);
// Streams one layer's tar into `sink`, reading each file once.
[[nodiscard]] Result<PackedLayer> pack_layer(const LayerPlan& plan, const Sink& sink);
// Pure: both manifests. Error{usage} when the manifest would be larger than manifest_limit.
[[nodiscard]] Result<PackedModel> pack_manifests(const std::vector<PackedLayer>& layers);
// What push would publish, without storing anything.
[[nodiscard]] Result<PackedModel> pack_digest(const std::vector<ModelFile>& files);

// A model's manifest read back: Error{corrupt} when it is not one, or names paths that no model may have.
[[nodiscard]] Result<std::vector<PackedLayer>> parse_manifest(std::string_view manifest);

// Reads a layer's tar back, checking every header and every file's digest and in the end the layer's own:
// Error{corrupt}. Each file's content goes to the sink that `begin` gives for it (may be empty), then `end` is called.
struct LayerVisitor {
  std::function<Result<Sink>(const PackedFile&)> begin;
  std::function<Status(const PackedFile&)> end;
};
[[nodiscard]] Status read_layer(const PackedLayer& layer, ByteSource& source, const LayerVisitor& visitor);

}  // namespace mlctl::registry
