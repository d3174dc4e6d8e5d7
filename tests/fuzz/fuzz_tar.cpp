// A layer of another tool: nothing crashes, memory stays bounded, and what is listed is read back to the same files.
#include <cstdlib>
#include <string>
#include <string_view>

#include "registry/pack.h"

using namespace mlctl;
using namespace mlctl::registry;

static void check(std::string_view bytes, LayerKind kind) {
  PackedLayer layer{Role::weights, digest_of(bytes), bytes.size(), {}, kind, {}};
  layer.exact = false;
  auto files = list_files(layer, *bytes_source(std::string(bytes)));
  if (!files) return;
  layer.files = std::move(*files);
  if (!read_layer(layer, *bytes_source(std::string(bytes)), {})) std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto kind : {LayerKind::tar, LayerKind::tar_gzip, LayerKind::tar_zstd}) check(text, kind);
  return 0;
}
