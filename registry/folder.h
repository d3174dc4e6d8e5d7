// A folder whose files are reached part by part without following links, so that no path and no swapped folder leads
// out of it.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <sys/stat.h>

#include "base/filesystem.h"
#include "base/result.h"

namespace mlctl::registry {

class Folder {
 public:
  // `path` itself may be a link. Error{not_found} when it does not exist, Error{usage} when it is not a folder.
  static Result<Folder> open(const std::filesystem::path& path);

  // The regular file at a checked relative path. Error{not_found}, Error{unavailable}: unreadable, not regular;
  // Error{usage}: a part of the path is a link.
  [[nodiscard]] Result<File> open_file(std::string_view path) const;
  // The folder that holds `path`; its missing parts are made (0755) when `make`.
  [[nodiscard]] Result<File> open_parent(std::string_view path, bool make) const;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  Folder(std::filesystem::path path, File root) : path_(std::move(path)), root_(std::move(root)) {}
  [[nodiscard]] Error explain(int code, std::string_view path) const;
  std::filesystem::path path_;
  File root_;
};

[[nodiscard]] inline std::string last_part(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

}  // namespace mlctl::registry
