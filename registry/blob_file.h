// Blobs as files of a layout: written beside under a lock of their own, so that a leftover is told from work in
// progress by trying that lock.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>

#include "base/digest.h"
#include "base/filesystem.h"
#include "base/result.h"
#include "registry/store.h"

namespace mlctl::registry {

// commit() holds `lock` shared while it renames. The bytes are durable then; that they have a name is once the folder
// is synced, which whoever refers to them does first.
[[nodiscard]] Result<std::unique_ptr<BlobWriter>> new_blob_file(const std::filesystem::path& folder,
                                                                const std::filesystem::path& lock, Disk& disk);
[[nodiscard]] Result<std::unique_ptr<ByteSource>> open_blob_file(const std::filesystem::path& folder,
                                                                 const Digest& digest, std::uint64_t offset);
// A temporary file of a writer that is dead.
[[nodiscard]] bool is_stale_file(const std::filesystem::path& path);
// Deletes what dead writers left: temporary files that nobody holds a lock on, but those named in `kept`.
void remove_stale_files(const std::filesystem::path& folder, const std::set<std::string>& kept = {});

}  // namespace mlctl::registry
