// A large file on its way, under a name beside its own (`.mlctl-DIGEST.part`, by digest) that a later process finds: it
// goes on where an earlier one was cut off. Nothing is believed of what lies there: it is hashed again with the rest.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/filesystem.h"
#include "base/result.h"
#include "registry/name.h"
#include "registry/pack.h"

namespace mlctl::registry {

struct PartFile {
  File file;  // locked for us alone, its position behind what it has
  std::string path;
  std::uint64_t size = 0;  // bytes that it has, at most as many as the file will
};

[[nodiscard]] std::string part_name(const PackedFile& file);
// Whether the layer is this one file and nothing that would have to be unpacked.
[[nodiscard]] bool may_resume(const PackedLayer& layer);
// nullopt: somebody else writes to it, or it cannot be had.
[[nodiscard]] std::optional<PartFile> open_part(const std::string& folder, const PackedFile& file);
// The layer from its first byte, of which `have` bytes of its file are read from `part`, which outlives the source.
[[nodiscard]] Result<std::unique_ptr<ByteSource>> open_resumed(Store& store, const ModelName& model,
                                                               const PackedLayer& layer, const File& part,
                                                               std::uint64_t have);

}  // namespace mlctl::registry
