// Where versions live: the seam (Store) and the registry in a folder (DiskStore).
// On disk: ROOT/mlctl-registry.json (format version) and ROOT/models/[TENANT/]NAME/, one OCI image layout each
// (oci-layout, index.json, blobs/sha256/), nothing shared between models. Nothing half-done is visible: a blob is
// written beside, hashed, fsynced and renamed; blobs come before manifests, manifests before the index; the index is
// replaced whole, under an exclusive flock on `.lock`. Blobs come in under a shared one, held for the rename only, so
// that a long push keeps nobody waiting; publishing looks again whether everything it names is there. `.push` is held
// shared from the first blob until something refers to it, and alone by the collector of garbage.
// What kill -9 leaves is a locked-by-nobody temporary file, which the next push of the model deletes.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/filesystem.h"
#include "base/result.h"
#include "registry/files.h"
#include "registry/name.h"

namespace mlctl::registry {

// An OCI content descriptor (image-spec 1.1).
struct Descriptor {
  std::string media_type;
  Digest digest;
  std::uint64_t size = 0;  // bytes
  std::string artifact_type;
  std::map<std::string, std::string> annotations;
  bool operator==(const Descriptor&) const = default;
};

// A blob on its way in. Destroyed without commit(): nothing stays.
struct BlobWriter {
  virtual ~BlobWriter() = default;
  virtual Status write(std::string_view bytes) = 0;
  // The bytes are `digest`, says the caller, who hashed what it wrote; they are durable afterwards. True when the store
  // had them already (they replace what was there, which mends a blob that went bad).
  virtual Result<bool> commit(const Digest& digest) = 0;
  // After an error: the way there broke, not the bytes; a new writer that is given all of them may get through.
  [[nodiscard]] virtual bool worth_again() const { return false; }
};

// What is known of a blob before its bytes are.
struct BlobHint {
  std::uint64_t size = 0;        // bytes; 0: unknown
  std::optional<Digest> digest;  // when somebody hashed them before
  std::string key;  // names the bytes, so that a later process goes on with a broken upload; "": it may not
};

// One version as published: the model's manifest, the image over the same blobs, and what stands beside.
struct Publication {
  Version version;
  Descriptor model;
  Descriptor image;         // no media type: there is none
  std::uint64_t bytes = 0;  // of the files
  std::uint64_t files = 0;
  std::string created;  // RFC 3339
};
struct PublicationTexts {
  std::string model, image;  // the manifests; no image: ""
};
// What nothing refers to.
struct GarbageItem {
  std::string name;  // of a file among the blobs: 64 hex digits, or a temporary one's
  std::uint64_t bytes = 0;
};
struct GarbageReport {
  std::vector<GarbageItem> removed;
  std::uint64_t bytes = 0;  // of them
  std::uint64_t kept = 0;   // blobs that something refers to
};
struct Published {
  bool existed = false;  // the same version with the same content: nothing was done
};

struct Store {
  virtual ~Store() = default;
  [[nodiscard]] virtual std::string name() const = 0;  // for messages: the folder
  virtual Result<std::vector<ModelName>> models() = 0;
  // Whether these bytes are there, so that nobody needs to send them.
  virtual Result<bool> has_blob(const ModelName& model, const Digest& digest, std::uint64_t size) = 0;
  // The writer is given all bytes, from the first one, also where it goes on with what an earlier process sent.
  virtual Result<std::unique_ptr<BlobWriter>> new_blob(const ModelName& model, const BlobHint& hint) = 0;
  // From `offset` on. Error{not_found} when absent. The bytes are as stored: whoever reads them checks the digest.
  virtual Result<std::unique_ptr<ByteSource>> open_blob(const ModelName& model, const Digest& digest,
                                                        std::uint64_t offset) = 0;
  // At most `limit` bytes, the digest checked: Error{corrupt}.
  virtual Result<std::string> read_blob(const ModelName& model, const Digest& digest, std::uint64_t limit) = 0;
  virtual Status put_blob(const ModelName& model, std::string_view bytes) = 0;
  // At most manifest_limit bytes, the digest checked: Error{corrupt}; Error{not_found} when absent.
  virtual Result<std::string> read_manifest(const ModelName& model, const Digest& digest) = 0;
  // Stores both manifests and makes the version visible. Error{conflict} names both digests when the version exists
  // with other content; Error{unavailable} when a blob that the manifests name is gone.
  virtual Result<Published> publish(const ModelName& model, const Publication& publication,
                                    const PublicationTexts& texts) = 0;
  virtual Result<std::optional<Publication>> find(const ModelName& model, const Version& version) = 0;
  // Every published version; models that do not exist have none.
  virtual Result<std::vector<Publication>> publications(const ModelName& model) = 0;
  // Manifests whose `subject` is this digest, evidence and the image, oldest first. put_referrer() stores `text`, which
  // is `manifest`: Error{not_found} when there is no such subject.
  virtual Status put_referrer(const ModelName& model, const Digest& subject, const Descriptor& manifest,
                              std::string_view text) = 0;
  virtual Result<std::vector<Descriptor>> referrers(const ModelName& model, const Digest& subject) = 0;
  // Removes (or, with `dry_run`, only reports) what nothing refers to, also in models without any version. Waits for
  // pushes that are under way: Error{timeout}. Error{corrupt} when it is not known what a manifest refers to.
  // Error{usage} from a store that has no such thing.
  virtual Result<std::vector<ModelName>> models_with_garbage();
  virtual Result<GarbageReport> collect_garbage(const ModelName& model, bool dry_run);
};

// The Error{conflict} of publish(), which names both digests and a version that is `free`.
[[nodiscard]] Error other_content(const ModelName& model, const Version& version, const Digest& there,
                                  const Digest& here, const Version& free);

inline constexpr std::uint64_t manifest_limit = 4U << 20U;  // bytes; what every registry takes

// Error{usage}: a folder that holds something else, or a registry of a newer format. An absent or empty folder is an
// empty registry; it is made by the first write.
[[nodiscard]] Result<std::unique_ptr<Store>> open_disk_store(const std::filesystem::path& root,
                                                             Disk& disk = real_disk());

}  // namespace mlctl::registry
