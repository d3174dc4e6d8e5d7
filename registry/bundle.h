// A registry in one file, for where no network leads: versions with everything that refers to them as an OCI image
// layout in an uncompressed tar (`blobs/sha256/…`, `index.json`, `oci-layout`, in this order), each blob once. A tag is
// NAME:VERSION there, as `skopeo` and `oras` read it. The same versions give the same bytes.
// Sources: OCI image-spec 1.1 (image layout), POSIX.1-2017 (ustar, pax).
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "base/filesystem.h"
#include "base/result.h"
#include "base/terminal.h"
#include "registry/copy.h"
#include "registry/store.h"

namespace mlctl::registry {

// Whether the text names such a file: it ends in ".tar".
[[nodiscard]] bool is_bundle_name(std::string_view text);

// A file that is there is replaced only when nothing is lost by it. Error{usage}: it is no bundle; Error{conflict}: it
// holds a version that `sets` does not have, or has with another digest.
[[nodiscard]] Status may_write_bundle(const std::vector<CopySet>& sets, const std::filesystem::path& file);

// Asks may_write_bundle. Written beside, fsynced and renamed over `file`: the old bundle or the new one. Every blob is
// hashed on the way: Error{corrupt}. Returns what was written; everything counts as sent.
[[nodiscard]] Result<CopyReport> write_bundle(Store& from, std::vector<CopySet> sets, const std::filesystem::path& file,
                                              Progress& progress, Disk& disk = real_disk());

// What it would write.
[[nodiscard]] CopyReport rehearse_bundle(const std::vector<CopySet>& sets);

// Read-only: writing is Error{usage}. Error{corrupt}: no such tar, cut off, or an index that names no models. Blobs are
// read where they lie in the file.
[[nodiscard]] Result<std::unique_ptr<Store>> open_bundle(const std::filesystem::path& file);

}  // namespace mlctl::registry
