// One file on its way into a folder: written beside, made durable, then under its name. Several may take these steps
// together. Internal to registry/.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "base/filesystem.h"
#include "base/result.h"
#include "registry/folder.h"
#include "registry/pack.h"

namespace mlctl::registry {

// Where a file of the model belongs stands a folder.
[[nodiscard]] Error in_the_way(const std::filesystem::path& path);

class Incoming {
 public:
  // `parts`: what a killed pull left of this one; not null for the first file in a folder, where all else that killed
  // pulls left goes. `resume`: under a name that the next pull finds.
  static Result<std::unique_ptr<Incoming>> create(const Folder& folder, const PackedFile& file,
                                                  const std::set<std::string>* parts, bool resume, Disk& disk);
  ~Incoming();  // what has no name yet goes, unless the next pull can go on with it
  Incoming(const Incoming&) = delete;
  Incoming& operator=(const Incoming&) = delete;

  // What an earlier pull left: bytes, read from file() and handed to write() like all others.
  [[nodiscard]] std::uint64_t kept() const { return kept_; }
  [[nodiscard]] const File& file() const { return file_; }
  // It is not what it should be, or the disk is full: nothing is left for the next pull.
  void discard() { resumable_ = false; }

  [[nodiscard]] Status write(std::string_view bytes);
  // All bytes are there: the disk may begin with them.
  [[nodiscard]] Status seal(bool executable);
  [[nodiscard]] Status make_durable();
  // With it everything else that waits in the same file system (syncfs(2); Linux 5.8 and later say when it failed).
  [[nodiscard]] Status make_all_durable();
  [[nodiscard]] Status rename();
  [[nodiscard]] const std::string& path() const { return relative_; }  // in the folder

 private:
  Incoming(const Folder& folder, std::string path, File parent, Disk& disk);
  [[nodiscard]] Error failed(int code) const;

  std::string relative_;
  std::filesystem::path path_;  // for messages
  std::string name_, temporary_;
  File parent_, file_;
  std::int64_t written_ = 0, started_ = 0;  // bytes of the file
  std::uint64_t kept_ = 0, skip_ = 0;       // of them an earlier pull's; of those, what write() has still to see
  bool resumable_ = false;
  Disk& disk_;
};

}  // namespace mlctl::registry
