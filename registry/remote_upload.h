// Blobs on their way to a registry: small ones in one request; large ones in pieces, of which one is sent while the
// next is made, so that hashing and sending overlap and memory stays bounded. A piece that did not arrive is sent again
// from where the registry says it stands; a later process goes on with an upload that was cut off, when BlobHint names
// the bytes. A registry that takes no pieces gets everything in one streamed request. Source: OCI distribution 1.1.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/result.h"
#include "registry/remote_client.h"
#include "registry/store.h"

namespace mlctl::registry {

inline constexpr std::size_t upload_piece = 5U << 20U;  // bytes; the least that some registries take

// What an upload needs to know of its place. Copied; `client` outlives the writer.
struct UploadPlace {
  RemoteClient* client = nullptr;
  std::string repository;
  std::function<void(const Digest&)> stored;  // told of a blob that is there now
};

[[nodiscard]] Result<std::unique_ptr<BlobWriter>> start_upload(const UploadPlace& place, const BlobHint& hint);
// A writer that sends nothing, for a blob that is there: commit() checks that the bytes were those.
[[nodiscard]] std::unique_ptr<BlobWriter> present_blob(const Digest& digest);
// Asks the registry to take the blob from another of its repositories; false: it does not.
[[nodiscard]] Result<bool> mount_blob(const UploadPlace& place, const Digest& digest, const std::string& from);
[[nodiscard]] Result<bool> blob_is_there(RemoteClient& client, const std::string& repository, const Digest& digest,
                                         std::uint64_t size, const std::string& scope);
// In one POST and one PUT; true when it was there.
[[nodiscard]] Result<bool> put_whole(const UploadPlace& place, std::string_view bytes, const Digest& digest);

[[nodiscard]] std::string pull_scope(const std::string& repository);
[[nodiscard]] std::string push_scope(const std::string& repository);

}  // namespace mlctl::registry
