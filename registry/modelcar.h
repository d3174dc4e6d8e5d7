// The image that KServe's modelcar runs, written when somebody asks for it: a base image that has a shell, the layers
// that the model has anyway, and one small layer in which /models/PATH is a link to /PATH, where those layers put it.
// KServe starts it with `sh -c "ln -sf /proc/$$/root/models … && sleep infinity"`; the model server follows the links
// through /proc, inside this image. Folders below /models are real, so that who walks them finds everything. One image
// for each of linux/amd64 and linux/arm64 that the base has, with an index where both are. It refers to the model
// (`subject`), is reached by its digest, and follows from the model and the base alone.
// Sources: OCI image-spec 1.1; KServe, "Serving models with OCI images".
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/result.h"
#include "base/terminal.h"
#include "registry/pack.h"
#include "registry/remote_address.h"
#include "registry/store.h"

namespace mlctl::registry {

// Where a base image is read from. All that is read is checked against its digest by who reads it.
struct BaseImage {
  std::string name;  // for messages
  Digest digest;     // of its manifest or index
  std::function<Result<std::string>(const Digest&)> manifest;
  std::function<Result<std::unique_ptr<ByteSource>>(const Digest&)> blob;
};
// An OCI image layout with one image in it, as `skopeo copy --all docker://… oci:FOLDER` writes it.
[[nodiscard]] Result<BaseImage> base_in_folder(const std::filesystem::path& folder);
// oci://HOST/PATH@sha256:… in the form that a store takes. Error{usage} for a tag: it may lead elsewhere tomorrow.
struct BaseAddress {
  RemoteAddress registry;
  ModelName image;
  Digest digest;
};
[[nodiscard]] Result<BaseAddress> parse_base_address(std::string_view text);
[[nodiscard]] BaseImage base_in_store(std::shared_ptr<Store> store, const BaseAddress& address);

struct BasePlatform {
  std::string architecture;  // "amd64"
  std::string config;        // JSON
  std::vector<Descriptor> layers;
};
// Sorted by architecture. Error{corrupt}: not what the digests say, or no image; Error{usage}: none for linux on amd64
// or arm64, or layers that may not be distributed.
[[nodiscard]] Result<std::vector<BasePlatform>> read_base(const BaseImage& base);

struct ModelcarImage {
  std::string config, manifest;  // JSON
  Descriptor descriptor;         // of the manifest
  std::vector<Descriptor> base;  // the layers that come from the base
};
struct Modelcar {
  std::vector<ModelcarImage> images;
  std::string links;              // the layer with /models
  std::string index;              // JSON; "": there is one image only
  Descriptor descriptor;          // of the index or the one image: what KServe is given
  Digest model;                   // what it refers to
  std::vector<PackedLayer> ours;  // the model's layers
};
// Error{usage}: a file of the model where an image keeps its own (/usr, /etc, /models …), which the base and the model
// would fight over.
[[nodiscard]] Status check_modelcar_paths(const std::vector<ModelFile>& files);
// Pure. Error{usage}: the same, and layers that cannot be mounted.
[[nodiscard]] Result<Modelcar> plan_modelcar(const Digest& base, const std::vector<BasePlatform>& platforms,
                                             const PackedModel& model);
// The model's version is there. Safe to repeat, and beside a collector of garbage.
[[nodiscard]] Status store_modelcar(Store& store, const ModelName& model, const BaseImage& base,
                                    const Modelcar& modelcar, Progress& progress);

struct ModelcarInfo {
  Digest digest;
  Digest base;  // of the base image
};
// Those of one version, oldest first.
[[nodiscard]] Result<std::vector<ModelcarInfo>> find_modelcars(Store& store, const ModelName& model,
                                                               const Digest& subject);
// What it is made of: its images' manifests are read. Error{corrupt}: they are not what their digests say.
[[nodiscard]] Result<std::vector<Descriptor>> modelcar_blobs(Store& store, const ModelName& model,
                                                             const Digest& modelcar);

}  // namespace mlctl::registry
