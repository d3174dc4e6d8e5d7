#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "base/terminal.h"
#include "registry/collect.h"
#include "registry/folder.h"
#include "registry/git.h"

namespace mlctl::registry {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t walk_limit = 1'000'000;  // entries looked at

// What tells one state of a file from another.
struct Stamp {
  std::uint64_t device = 0, inode = 0, size = 0;
  std::int64_t modified = 0, changed = 0;  // nanoseconds
  bool operator==(const Stamp&) const = default;
};

std::int64_t nanoseconds(const timespec& time) {
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

std::string to_string(const Stamp& stamp) {
  std::string text;
  for (const auto part : {stamp.device, stamp.inode, stamp.size}) text += std::to_string(part) + " ";
  return text + std::to_string(stamp.modified) + " " + std::to_string(stamp.changed);
}

Stamp stamp_of(const struct stat& info) {
  return {info.st_dev, info.st_ino, static_cast<std::uint64_t>(info.st_size), nanoseconds(info.st_mtim),
          nanoseconds(info.st_ctim)};
}

class FileSource : public ByteSource {
 public:
  FileSource(File file, fs::path path, Stamp expected)
      : file_(std::move(file)), path_(std::move(path)), expected_(expected) {}

  Result<std::size_t> read(char* into, std::size_t size) override {
    for (;;) {
      const auto got = ::read(file_.fd(), into, size);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return system_error(errno, "cannot read", path_);
      if (got == 0)
        if (auto same = check(); !same) return same.error();
      return static_cast<std::size_t>(got);
    }
  }

  [[nodiscard]] Status check() const {
    struct stat info{};
    if (::fstat(file_.fd(), &info) != 0) return system_error(errno, "cannot read", path_);
    if (stamp_of(info) == expected_) return ok();
    return Error{Error::Kind::unavailable, escape_control(path_.string()) + ": changed while it was read",
                 "run the command again when nothing writes to it"};
  }

 private:
  File file_;
  fs::path path_;
  Stamp expected_;
};

Result<std::unique_ptr<ByteSource>> open_source(const fs::path& root, const std::string& path, const Stamp& expected) {
  auto folder = Folder::open(root);
  if (!folder) return folder.error();
  auto file = folder->open_file(path);
  if (!file) return file.error();
  ::posix_fadvise(file->fd(), 0, 0, POSIX_FADV_SEQUENTIAL);
  auto source = std::make_unique<FileSource>(std::move(*file), root / path, expected);
  if (auto same = source->check(); !same) return same.error();
  return std::unique_ptr<ByteSource>(std::move(source));
}

Result<Candidate> candidate_at(const fs::path& root, const std::string& path) {
  const fs::path whole = root / path;
  struct stat info{};
  if (::lstat(whole.c_str(), &info) != 0) return system_error(errno, "cannot read", whole);
  Candidate found;
  found.path = path;
  if (S_ISLNK(info.st_mode)) {
    std::error_code code;
    found.kind = Candidate::Kind::link;
    found.link = fs::read_symlink(whole, code).string();
    if (code) return system_error(code.value(), "cannot read", whole);
  } else if (S_ISREG(info.st_mode)) {
    found.executable = (info.st_mode & 0111U) != 0;
    found.size = static_cast<std::uint64_t>(info.st_size);
    const Stamp stamp = stamp_of(info);
    found.identity = {path, to_string(stamp), std::max(stamp.modified, stamp.changed)};
    found.open = [root, path, stamp] { return open_source(root, path, stamp); };
  } else {
    found.kind = Candidate::Kind::other;
  }
  return found;
}

// Which paths below a folder git ignores; nothing when there is no repository or the rules name the files.
class Ignored {
 public:
  Ignored(const Git* git, const fs::path& folder) : git_(git) {
    if (git_ == nullptr) return;
    std::error_code code;
    const fs::path prefix = fs::relative(fs::canonical(folder, code), git_->root(), code);
    if (code || prefix.empty() || *prefix.begin() == "..") git_ = nullptr;
    prefix_ = prefix == "." ? "" : prefix.generic_string() + "/";
  }
  [[nodiscard]] Result<bool> covers(const std::string& path) const {
    if (git_ == nullptr) return false;
    return git_->ignored(prefix_ + path);
  }

 private:
  const Git* git_;
  std::string prefix_;
};

Result<std::vector<Candidate>> walk(const fs::path& root, const Ignored& ignored) {
  std::vector<Candidate> found;
  std::vector<std::string> folders{""};
  std::size_t seen = 0;
  while (!folders.empty()) {
    const std::string prefix = folders.back();
    folders.pop_back();
    std::error_code code;
    for (fs::directory_iterator entry(root / prefix, code), end; !code && entry != end; entry.increment(code)) {
      const std::string path = prefix + entry->path().filename().string();
      if (++seen > walk_limit)
        return Error{Error::Kind::usage, escape_control(root.string()) + ": more than a million files",
                     "name the model's files under `files:` in model.yaml"};
      if (never_packed(path)) continue;
      std::error_code status_code;
      const bool is_folder = entry->symlink_status(status_code).type() == fs::file_type::directory;
      auto skip = ignored.covers(is_folder ? path + "/" : path);
      if (!skip) return skip.error();
      if (*skip) continue;
      if (is_folder) {
        folders.push_back(path + "/");
        continue;
      }
      auto candidate = candidate_at(root, path);
      if (!candidate) return candidate.error();
      found.push_back(std::move(*candidate));
    }
    if (code) return system_error(code.value(), "cannot read folder", root / prefix);
  }
  return found;
}

}  // namespace

Result<std::vector<ModelFile>> collect_files(const fs::path& folder, const FileRules& rules, const Git* git,
                                             const std::shared_ptr<DigestCache>& cache) {
  auto opened = Folder::open(folder);
  if (!opened) return opened.error();
  auto found = walk(folder, Ignored(rules.patterns.empty() ? git : nullptr, folder));
  if (!found) return found.error();
  auto files = choose_files(
      std::move(*found), rules,
      "put the files there (`git lfs pull` fetches those of Git LFS), or correct `files:` in model.yaml", cache);
  if (!files) return files.error().context(escape_control(folder.string()));
  return files;
}

}  // namespace mlctl::registry
