// One file of a version, read where it lies in its layer: what is skipped is not read, so that the header of a model of
// many gigabytes costs a few kilobytes, also from a registry behind a network. What is read in parts cannot be held
// against a digest: it is what the registry says.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "registry/name.h"
#include "registry/pack.h"
#include "registry/store.h"

namespace mlctl::registry {

class FileReader {
 public:
  // Error{not_found}: the layers have no such file, or it is a link; Error{usage}: its layer is compressed, or another
  // tool's tar, and cannot be read in parts; Error{corrupt}: something else lies there.
  static Result<FileReader> open(Store& store, const ModelName& model, const std::vector<PackedLayer>& layers,
                                 std::string_view path);
  [[nodiscard]] std::uint64_t size() const { return size_; }  // bytes of the file
  // At most `size` bytes; 0 at the end of the file.
  Result<std::size_t> read(char* into, std::size_t size);
  Status skip(std::uint64_t size);

 private:
  FileReader(Store& store, ModelName model, Digest layer, std::uint64_t offset, std::uint64_t size)
      : store_(&store), model_(std::move(model)), layer_(layer), offset_(offset), size_(size), left_(size) {}
  Store* store_;
  ModelName model_;
  Digest layer_;
  std::uint64_t offset_;  // in the layer, of what is read next
  std::uint64_t size_, left_;
  std::unique_ptr<ByteSource> source_;  // stands at offset_; null: to be opened there
};

}  // namespace mlctl::registry
