#include "registry/garbage.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/document.h"
#include "base/filesystem.h"
#include "registry/blob_file.h"
#include "registry/oci.h"

namespace mlctl::registry {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t manifests_limit = 1'000'000;

bool is_manifest(const std::string& media_type) {
  return media_type == oci::manifest_type || media_type == oci::index_type ||
         media_type == "application/vnd.docker.distribution.manifest.v2+json" ||
         media_type == "application/vnd.docker.distribution.manifest.list.v2+json";
}

class Marker {
 public:
  explicit Marker(const fs::path& blobs) : blobs_(blobs) {}

  Status mark(const Descriptor& start) {
    std::vector<Descriptor> waiting{start};
    while (!waiting.empty()) {
      const Descriptor next = std::move(waiting.back());
      waiting.pop_back();
      kept_.insert(next.digest);
      if (!is_manifest(next.media_type) || !read_.insert(next.digest).second) continue;
      if (read_.size() > manifests_limit) return Error{Error::Kind::usage, "more than a million manifests", ""};
      if (auto parts = parts_of(next, waiting); !parts) return parts;
    }
    return ok();
  }
  [[nodiscard]] std::set<Digest> kept() && { return std::move(kept_); }

 private:
  Status parts_of(const Descriptor& descriptor, std::vector<Descriptor>& parts) {
    const auto unknown = [&](const Error& error) {
      return Error{error.kind, error.message + "; what it refers to is not known, so nothing was removed",
                   "`mlctl verify` the versions, restore what is damaged, and run the command again"};
    };
    auto source = open_blob_file(blobs_, descriptor.digest, 0);
    if (!source) return unknown(source.error());
    auto text = read_all(**source, manifest_limit);
    if (!text) return unknown(text.error().context("manifest " + to_string(descriptor.digest)));
    const std::string name = "manifest " + to_string(descriptor.digest);
    if (digest_of(*text) != descriptor.digest)
      return unknown({Error::Kind::corrupt, name + " is not what its digest says", ""});
    auto value = parse_json(*text, name);
    if (!value) return unknown({Error::Kind::corrupt, value.error().message, ""});
    if (const auto* config = oci::member(*value, "config")) take(*config, parts);
    for (const char* list : {"layers", "manifests", "blobs"})
      if (const auto* members = oci::member(*value, list); members != nullptr && members->is_array())
        for (const auto& one : *members) take(one, parts);
    return ok();
  }

  // What is no descriptor with a SHA-256 digest names no blob of ours.
  static void take(const nlohmann::json& value, std::vector<Descriptor>& parts) {
    if (auto descriptor = oci::descriptor_of(value)) parts.push_back(std::move(*descriptor));
  }

  const fs::path& blobs_;
  std::set<Digest> kept_, read_;
};

Error no_collector(const std::string& name) {
  return {Error::Kind::usage, name + ": only a registry in a folder is collected by mlctl",
          "a registry server has a garbage collection of its own"};
}

}  // namespace

Result<std::vector<ModelName>> Store::models_with_garbage() {
  return no_collector(name());
}

Result<GarbageReport> Store::collect_garbage(const ModelName&, bool) {
  return no_collector(name());
}

Result<std::set<Digest>> reachable(const std::vector<Descriptor>& entries, const fs::path& blobs) {
  Marker marker(blobs);
  for (const auto& entry : entries)
    if (auto marked = marker.mark(entry); !marked) return marked.error();
  return std::move(marker).kept();
}

Result<std::vector<GarbageItem>> unreachable(const fs::path& blobs, const std::set<Digest>& kept) {
  std::vector<GarbageItem> found;
  std::error_code code;
  for (fs::directory_iterator entry(blobs, code), end; !code && entry != end; entry.increment(code)) {
    const auto name = entry->path().filename().string();
    const auto digest = parse_digest("sha256:" + name);
    const bool stale = is_stale_file(entry->path());
    if (!stale && (!digest || kept.count(*digest) != 0)) continue;
    std::error_code unknown;
    const auto size = fs::file_size(entry->path(), unknown);
    if (!unknown) found.push_back({name, size});
  }
  if (code && code != std::errc::no_such_file_or_directory)
    return system_error(code.value(), "cannot read folder", blobs);
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return found;
}

}  // namespace mlctl::registry
