// Manifests and indexes from a registry: nothing crashes, and what is accepted is read back to the same.
#include <cstdlib>
#include <string>
#include <string_view>

#include "registry/pack.h"
#include "registry/store_index.h"

using namespace mlctl::registry;

static void require(bool holds) {
  if (!holds) std::abort();
}

static void check_manifest(std::string_view text) {
  auto layers = parse_manifest(text);
  if (!layers) return;
  for (const auto& layer : *layers)
    for (const auto& file : layer.files) require(static_cast<bool>(check_path(file.path)));
  for (const auto& layer : *layers)
    if (!layer.exact || layer.content != layer.digest) return;  // another tool's, or compressed
  auto packed = pack_manifests(*layers);
  if (!packed) return;
  auto again = parse_manifest(packed->manifest);
  require(static_cast<bool>(again) && pack_manifests(*again)->digest == packed->digest);
  for (const auto& layer : *layers) {
    if (layer.size > 1U << 20U) continue;
    const auto source = bytes_source(std::string(text));
    require(!read_layer(layer, *source, {}));  // a manifest is never its own layer
  }
}

static void check_index(std::string_view text) {
  auto index = Index::parse(text, "index");
  if (!index) return;
  const std::string written = index->text();
  auto again = Index::parse(written, "index");
  require(static_cast<bool>(again) && again->text() == written);
  for (const auto& one : index->publications()) require(index->holds(one.model.digest));
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_manifest(text);
  check_index(text);
  return 0;
}
