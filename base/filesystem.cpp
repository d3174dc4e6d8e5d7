#include "base/filesystem.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include "base/terminal.h"

namespace mlctl {
namespace fs = std::filesystem;

long Disk::write(int fd, const void* data, std::size_t size) {
  return ::write(fd, data, size);
}
int Disk::fsync(int fd) {
  return ::fsync(fd);
}
int Disk::syncfs(int fd) {
  return ::syncfs(fd);
}
int Disk::rename(const char* from, const char* to) {
  return ::rename(from, to);
}

Disk& real_disk() {
  static Disk disk;
  return disk;
}

Error system_error(int code, std::string_view what, const fs::path& path) {
  std::string hint;
  if (code == ENOSPC || code == EDQUOT) hint = "free some space there and run the command again";
  if (code == EROFS) hint = "the file system is read-only";
  return {Error::Kind::unavailable,
          std::string(what) + ": " + escape_control(path.string()) + ": " + std::generic_category().message(code),
          std::move(hint)};
}

static fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

Result<std::string> read_file(const fs::path& path, std::uint64_t limit) {
  static constexpr std::string_view what = "cannot read";
  // A secret's text where its path belongs, as CI jobs have it: it must not reach a message.
  if (path.native().find("-----BEGIN ") != std::string::npos)
    return Error{Error::Kind::usage, "the text of a key or certificate, where the path of its file belongs",
                 "write it to a file that only you can read, and name that file"};
  const auto not_found = [&] {
    return Error{Error::Kind::not_found, "no such file: " + escape_control(path.string()), ""};
  };
  const auto not_regular = [&] {
    return Error{Error::Kind::unavailable, "cannot read: " + escape_control(path.string()) + ": not a regular file",
                 ""};
  };
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0)
    return errno == ENOENT || errno == ENOTDIR ? not_found() : system_error(errno, what, path);
  if (!S_ISREG(info.st_mode)) return not_regular();
  // Non-blocking, and checked again: another process may have put a FIFO there meanwhile.
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.fd() < 0) return errno == ENOENT ? not_found() : system_error(errno, what, path);
  if (::fstat(file.fd(), &info) != 0) return system_error(errno, what, path);
  if (!S_ISREG(info.st_mode)) return not_regular();

  std::string bytes;
  const auto size = static_cast<std::uint64_t>(info.st_size);
  bytes.reserve(size < limit ? size : limit);
  char buffer[64 * 1024];
  for (;;) {
    const auto got = ::read(file.fd(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(errno, what, path);
    if (got == 0) return bytes;
    if (bytes.size() + static_cast<std::size_t>(got) > limit)
      return Error{Error::Kind::usage,
                   "file is too large: " + escape_control(path.string()) + ": more than " + human_bytes(limit), ""};
    bytes.append(buffer, static_cast<std::size_t>(got));
  }
}

static int write_all(Disk& disk, int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = disk.write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    if (written == 0) return ENOSPC;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

Status write_file(const fs::path& path, std::string_view bytes, unsigned mode, Disk& disk) {
  static constexpr std::string_view what = "cannot write";
  const fs::path folder = folder_of(path);
  if (auto made = make_folders(folder); !made) return made;
  std::string beside = (folder / ".mlctl-XXXXXX.tmp").string();
  File file(::mkostemps(beside.data(), 4, O_CLOEXEC));
  if (file.fd() < 0) return system_error(errno, what, path);
  const auto failed = [&](int code) {
    ::unlink(beside.c_str());
    return system_error(code, what, path);
  };
  if (const int code = write_all(disk, file.fd(), bytes); code != 0) return failed(code);
  if (::fchmod(file.fd(), mode) != 0) return failed(errno);
  if (disk.fsync(file.fd()) != 0) return failed(errno);
  if (::close(file.release()) != 0) return failed(errno);
  if (disk.rename(beside.c_str(), path.c_str()) != 0) return failed(errno);
  return sync_folder(folder, disk);
}

Status make_folders(const fs::path& path) {
  static constexpr std::string_view what = "cannot create folder";
  struct stat info{};
  if (path.empty()) return ok();
  if (::stat(path.c_str(), &info) == 0) return S_ISDIR(info.st_mode) ? ok() : Status(system_error(ENOTDIR, what, path));
  if (errno != ENOENT) return system_error(errno, what, path);
  if (!path.has_filename()) return make_folders(path.parent_path());
  const fs::path parent = folder_of(path);
  if (auto made = make_folders(parent); !made) return made;
  if (::mkdir(path.c_str(), 0755) != 0) {
    const int code = errno;
    const bool other_was_faster = code == EEXIST && ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
    return other_was_faster ? ok() : Status(system_error(code, what, path));
  }
  return sync_folder(parent);
}

Status sync_folder(const fs::path& path, Disk& disk) {
  const File folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.fd() < 0) return system_error(errno, "cannot open folder", path);
  // EINVAL: a file system without fsync on folders.
  if (disk.fsync(folder.fd()) != 0 && errno != EINVAL) return system_error(errno, "cannot sync folder", path);
  return ok();
}

Status remove_tree(const fs::path& path) {
  std::error_code code;
  fs::remove_all(path, code);
  if (code) return system_error(code.value(), "cannot delete", path);
  return ok();
}

// The path with every link followed, also links to what does not exist (std::filesystem::weakly_canonical stops at
// those). Empty: too many links, or unreadable.
static fs::path resolve_links(const fs::path& path) {
  std::error_code code;
  const fs::path start = fs::absolute(path, code);
  if (code) return {};
  std::deque<fs::path> ahead(start.begin(), start.end());
  fs::path resolved;
  int links = 0;
  while (!ahead.empty()) {
    const fs::path part = ahead.front();
    ahead.pop_front();
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      resolved = resolved.parent_path();
      continue;
    }
    const fs::path next = resolved / part;
    const auto status = fs::symlink_status(next, code);
    if (status.type() == fs::file_type::none || status.type() == fs::file_type::unknown) return {};
    if (status.type() != fs::file_type::symlink) {
      resolved = next;
      continue;
    }
    const fs::path target = fs::read_symlink(next, code);
    if (code || ++links > 40) return {};
    ahead.insert(ahead.begin(), target.begin(), target.end());
    if (target.is_absolute()) resolved.clear();
  }
  return resolved;
}

bool lies_within(const fs::path& path, const fs::path& root) {
  const fs::path inner = resolve_links(path);
  const fs::path outer = resolve_links(root);
  if (inner.empty() || outer.empty()) return false;
  auto part = inner.begin();
  for (const auto& expected : outer) {
    if (part == inner.end() || *part != expected) return false;
    ++part;
  }
  return true;
}

Result<TemporaryFolder> TemporaryFolder::create(const fs::path& parent, std::string_view prefix) {
  fs::path where = parent;
  if (where.empty()) {
    const char* variable = std::getenv("TMPDIR");
    where = variable != nullptr && *variable != '\0' ? variable : "/tmp";
  }
  std::string name = (where / (std::string(prefix) + "XXXXXX")).string();
  if (::mkdtemp(name.data()) == nullptr) return system_error(errno, "cannot create a temporary folder in", where);
  return TemporaryFolder(name);
}

TemporaryFolder::~TemporaryFolder() {
  if (!path_.empty()) static_cast<void>(static_cast<bool>(remove_tree(path_)));
}
TemporaryFolder::TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::move(other.path_)) {
  other.path_.clear();
}
TemporaryFolder& TemporaryFolder::operator=(TemporaryFolder&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

File::~File() {
  if (fd_ >= 0) ::close(fd_);
}
File::File(File&& other) noexcept : fd_(other.release()) {}
File& File::operator=(File&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}
int File::release() {
  const int fd = fd_;
  fd_ = -1;
  return fd;
}

}  // namespace mlctl
