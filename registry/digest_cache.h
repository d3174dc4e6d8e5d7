// What files and layers hashed to, so that what did not change is not read again. A file is taken for unchanged as long
// as device, inode, size, both times and name are what they were; one that changed in the last two seconds before its
// hash was done is not remembered, because a further change could look the same (as git does for its index). A file of
// a commit is known by its object's name. A layer is known by what its tar is made of.
// One text file per model folder below $XDG_CACHE_HOME/mlctl/digests (else ~/.cache), mode 0600, with its own checksum:
// one that is damaged, foreign or of another version of mlctl is as good as none. Nothing is lost with it but time.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/digest.h"
#include "registry/files.h"

namespace mlctl::registry {

class DigestCache {
 public:
  // `about` says whose files they are: the canonical path of a folder. Reads what was remembered.
  DigestCache(std::filesystem::path folder, std::string about, Clock& clock = system_clock());
  // Writes what was learnt, if anything. A failure is nobody's business: the cache only saves time.
  ~DigestCache();
  DigestCache(const DigestCache&) = delete;
  DigestCache& operator=(const DigestCache&) = delete;

  // Safe to call from several threads.
  [[nodiscard]] std::optional<Format> format(const FileIdentity& file);
  [[nodiscard]] std::optional<Digest> digest(const FileIdentity& file);
  void remember(const FileIdentity& file, Format format);
  void remember(const FileIdentity& file, const Digest& digest);  // the format must be known

  struct Layer {
    Digest digest;
    std::uint64_t size = 0;  // bytes
    Digest content;          // of what it decompresses to
  };
  [[nodiscard]] std::optional<Layer> layer(const Digest& key);
  void remember_layer(const Digest& key, const Layer& layer);

 private:
  struct Entry {
    std::string stamp;
    Format format = Format::unknown;
    std::optional<Digest> digest;
    bool used = false;  // in this run
  };
  struct LayerEntry {
    Layer layer;
    bool used = false;
  };
  void load();
  [[nodiscard]] bool take_line(std::string_view line);
  [[nodiscard]] std::string text() const;
  [[nodiscard]] Entry* find(const FileIdentity& file);
  [[nodiscard]] bool settled(const FileIdentity& file) const;

  std::filesystem::path path_;
  std::string about_;
  Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, Entry, std::less<>> files_;
  std::map<Digest, LayerEntry> layers_;
  bool changed_ = false;
};

// In the user's cache folder; null when there is none.
[[nodiscard]] std::shared_ptr<DigestCache> open_digest_cache(const std::filesystem::path& about);

}  // namespace mlctl::registry
