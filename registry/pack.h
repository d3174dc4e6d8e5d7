// Files -> layers and manifests. The same files give the same digest everywhere: no times, owners zero, modes 0644 or
// 0755, sorted by path. Each large file is one uncompressed tar, small ones go together in one tar per role; each file
// is read once and hashed twice on the way, at the same time (its own digest, its layer's). The same layers serve two
// manifests: the ModelPack artifact, whose digest is the version's identity, and an OCI image that a cluster mounts,
// whose `subject` is the first. Sources: CNCF model-spec, OCI image-spec 1.1, POSIX.1-2001 pax.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
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

// How a layer holds its files. `tar` is what mlctl writes unless told otherwise: only it can be mounted.
enum class LayerKind { raw, tar, tar_gzip, tar_zstd };
[[nodiscard]] const char* to_string(LayerKind kind);  // "tar+zstd"

struct LayerPlan {
  Role role = Role::weights;
  LayerKind kind = LayerKind::tar;
  std::vector<ModelFile> files;  // sorted by path
  std::uint64_t size = 0;        // bytes of the tar, or of the one file of a raw layer
};
struct PackedLayer {
  Role role = Role::weights;
  Digest digest;  // of the blob
  std::uint64_t size = 0;
  std::vector<PackedFile> files;
  LayerKind kind = LayerKind::tar;
  Digest content;      // of what the blob decompresses to; the same as `digest` unless it is compressed
  bool listed = true;  // false: another tool's tar, whose files are known only once it was read
  bool exact = true;   // the tar is the one that we would write, to the byte
};
struct PackedModel {
  std::string manifest, config;              // ModelPack
  std::string image_manifest, image_config;  // mountable
  Digest digest;                             // of manifest: the identity
  // Of image_manifest. Only layers that are plain tars can be mounted: else both are empty.
  Digest image;
};

// Pure. Error{usage}: no files, too many, paths that collide or that no model may have; links in raw layers. Order and
// grouping depend on paths, roles and sizes only. Raw: one layer for each file.
[[nodiscard]] Result<std::vector<LayerPlan>> plan_layers(std::vector<ModelFile> files, LayerKind kind = LayerKind::tar);

// What the cache of its files knows the layer to be; nothing is read.
[[nodiscard]] std::optional<PackedLayer> known_layer(const LayerPlan& plan);
// Streams one layer's tar into `sink`, reading each file once.
[[nodiscard]] Result<PackedLayer> pack_layer(const LayerPlan& plan, const Sink& sink);
// Pure: both manifests. Error{usage} when the manifest would be larger than manifest_limit.
[[nodiscard]] Result<PackedModel> pack_manifests(const std::vector<PackedLayer>& layers);
// What push would publish, without storing anything.
[[nodiscard]] Result<PackedModel> pack_digest(const std::vector<ModelFile>& files, LayerKind kind = LayerKind::tar);

// A model's manifest read back: Error{corrupt} when it is not one, or names paths that no model may have. Also those of
// other tools: a tar of theirs is not `listed`, and its files are found by list_files().
[[nodiscard]] Result<std::vector<PackedLayer>> parse_manifest(std::string_view manifest);
// The same, with every file known: reads the layers that are not listed.
[[nodiscard]] Result<std::vector<PackedLayer>> read_layers(Store& store, const ModelName& model,
                                                           std::string_view manifest);
// What a manifest names and the registry has lost is damage, not a wrong name of the user's: Error{corrupt}.
[[nodiscard]] Result<std::unique_ptr<ByteSource>> open_layer(Store& store, const ModelName& model,
                                                             const PackedLayer& layer, std::uint64_t offset = 0);
// The files of a tar that somebody else wrote. Error{corrupt}: not a tar, a bomb, or what no model can hold.
[[nodiscard]] Result<std::vector<PackedFile>> list_files(const PackedLayer& layer, ByteSource& source);

// Reads a layer back, checking every header and every file's digest and in the end the layer's own: Error{corrupt}.
// Each file's content goes to the sink that `begin` gives for it (may be empty), then `end` is called. Returns the
// digest of what the layer decompresses to.
struct LayerVisitor {
  std::function<Result<Sink>(const PackedFile&)> begin;
  std::function<Status(const PackedFile&)> end;
};
[[nodiscard]] Result<Digest> read_layer(const PackedLayer& layer, ByteSource& source, const LayerVisitor& visitor);

}  // namespace mlctl::registry
