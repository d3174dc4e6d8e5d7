// What is remembered of a registry from one process to the next, in the cache: everything here may be lost, wrong or
// old, and is only ever a hint of what to ask first.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"

namespace mlctl::registry {

// $XDG_CACHE_HOME/mlctl, else ~/.cache/mlctl; empty when there is no such place.
[[nodiscard]] std::filesystem::path cache_folder();

class RemoteNotes {
 public:
  RemoteNotes(const std::filesystem::path& cache, const std::string& host);

  [[nodiscard]] bool takes_no_pieces() const;  // uploads in pieces were refused
  void note_no_pieces() const;

  // Repositories of this registry where a blob was seen, the newest first, at most three.
  [[nodiscard]] std::vector<std::string> repositories_with(const Digest& blob);
  void note_blob(const Digest& blob, const std::string& repository);

  // What a model's manifest says in short: it never changes, for it is named by its digest.
  struct Facts {
    std::uint64_t size = 0, files = 0, bytes = 0;
  };
  [[nodiscard]] std::optional<Facts> facts_of(const Digest& manifest);
  void note_facts(const Digest& manifest, const Facts& facts);

 private:
  void load();
  std::filesystem::path folder_;  // empty: nothing is remembered
  std::mutex mutex_;
  bool loaded_ = false;
  std::map<Digest, std::vector<std::string>> blobs_;
  std::map<Digest, Facts> facts_;
};

}  // namespace mlctl::registry
