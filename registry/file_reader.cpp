#include "registry/file_reader.h"

#include <algorithm>
#include <utility>

#include "registry/tar.h"

namespace mlctl::registry {
namespace {

constexpr std::uint64_t far = 1U << 20U;  // bytes from which on opening anew is cheaper than reading on

std::string header_of(const PackedFile& file) {
  return tar::header({file.path, file.size, file.executable, file.link});
}

}  // namespace

Result<FileReader> FileReader::open(Store& store, const ModelName& model, const std::vector<PackedLayer>& layers,
                                    std::string_view path) {
  for (const auto& layer : layers) {
    std::uint64_t offset = 0;
    for (const auto& file : layer.files) {
      const auto header = header_of(file);
      if (file.path != path || !file.link.empty()) {
        offset += header.size() + file.size + tar::padding(file.size);
        continue;
      }
      if (layer.kind == LayerKind::raw) return FileReader(store, model, layer.digest, 0, file.size);
      if (layer.kind != LayerKind::tar || !layer.exact)
        return Error{Error::Kind::usage,
                     std::string(path) + " lies in a " + to_string(layer.kind) + " layer of another shape",
                     "`mlctl pull` reads it whole"};
      // What stands before the content says whether the offset is right.
      FileReader reader(store, model, layer.digest, offset, header.size());
      std::string found(header.size(), '\0');
      for (std::size_t filled = 0; filled < found.size();) {
        auto got = reader.read(found.data() + filled, found.size() - filled);
        if (!got) return got.error();
        if (*got == 0) break;
        filled += *got;
      }
      if (found != header)
        return Error{Error::Kind::corrupt,
                     to_string(model) + ": " + std::string(path) + " is not where the manifest says", ""};
      reader.size_ = reader.left_ = file.size;
      return reader;
    }
  }
  return Error{Error::Kind::not_found, to_string(model) + ": no file " + std::string(path), ""};
}

Result<std::size_t> FileReader::read(char* into, std::size_t size) {
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(size, left_));
  if (wanted == 0) return std::size_t{0};
  if (!source_) {
    auto opened = store_->open_blob(model_, layer_, offset_);
    if (!opened) return opened.error();
    source_ = std::move(*opened);
  }
  auto got = source_->read(into, wanted);
  if (!got) return got;
  offset_ += *got;
  left_ -= *got;
  return got;
}

Status FileReader::skip(std::uint64_t size) {
  if (size > left_) return Error{Error::Kind::corrupt, "a file of the registry is shorter than it says", ""};
  if (size >= far) {
    source_.reset();
    offset_ += size;
    left_ -= size;
    return ok();
  }
  std::string buffer(static_cast<std::size_t>(std::min<std::uint64_t>(size, 64U << 10U)), '\0');
  while (size > 0) {
    auto got = read(buffer.data(), static_cast<std::size_t>(std::min<std::uint64_t>(size, buffer.size())));
    if (!got) return got.error();
    if (*got == 0) return Error{Error::Kind::corrupt, "a layer is shorter than it says", ""};
    size -= *got;
  }
  return ok();
}

}  // namespace mlctl::registry
