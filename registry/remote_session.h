// An upload that a later process can go on with: where it is, in a small file of the cache, locked while somebody works
// on it. The file holds an address that lets its owner write: it is for the user alone.
#pragma once
#include <filesystem>
#include <memory>
#include <string>

#include "base/filesystem.h"

namespace mlctl::registry {

class UploadSession {
 public:
  ~UploadSession();  // what was never saved leaves nothing
  UploadSession(const UploadSession&) = delete;
  UploadSession& operator=(const UploadSession&) = delete;
  // Of these bytes (named by `key`) to that repository. Null when the cache cannot be used, `key` is empty, or another
  // process works on it now: then the upload goes without. Sessions older than a week are forgotten on the way, as
  // registries forget them.
  [[nodiscard]] static std::unique_ptr<UploadSession> open(const std::filesystem::path& cache, const std::string& host,
                                                           const std::string& repository, const std::string& key);
  [[nodiscard]] const std::string& location() const { return location_; }  // "": none
  // Best effort, without fsync: what is lost costs an upload from the beginning, never a wrong one.
  void save(const std::string& location);
  void forget();

 private:
  UploadSession(std::filesystem::path path, File file) : path_(std::move(path)), file_(std::move(file)) {}
  std::filesystem::path path_;
  File file_;
  std::string location_;
  bool forgotten_ = false;
};

}  // namespace mlctl::registry
