#include "registry/blob_file.h"

#include <cerrno>
#include <fcntl.h>
#include <set>
#include <string>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "base/lock.h"
#include "registry/folder.h"

namespace mlctl::registry {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t writeback_step = 8 << 20;  // bytes

bool lock_now(int fd) {
  return ::flock(fd, LOCK_EX | LOCK_NB) == 0;
}

class FileBlob : public BlobWriter {
 public:
  FileBlob(fs::path folder, fs::path lock, std::string path, File file, Disk& disk)
      : folder_(std::move(folder)),
        lock_(std::move(lock)),
        path_(std::move(path)),
        file_(std::move(file)),
        disk_(disk) {}
  ~FileBlob() override {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  FileBlob(const FileBlob&) = delete;
  FileBlob& operator=(const FileBlob&) = delete;

  Status write(std::string_view bytes) override {
    while (!bytes.empty()) {
      const auto written = disk_.write(file_.fd(), bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return system_error(written == 0 ? ENOSPC : errno, "cannot write to the registry", folder_);
      bytes.remove_prefix(static_cast<std::size_t>(written));
      written_ += written;
    }
    start_writeback();
    return ok();
  }

  Result<bool> commit(const Digest& digest) override {
    static constexpr std::string_view what = "cannot write to the registry";
    if (::fchmod(file_.fd(), 0644) != 0 || disk_.fsync(file_.fd()) != 0) return system_error(errno, what, folder_);
    auto lock = FileLock::acquire(lock_, LockKind::shared);
    if (!lock) return lock.error();
    const fs::path target = folder_ / digest.hex();
    std::error_code code;
    const bool existed = fs::exists(target, code);
    if (disk_.rename(path_.c_str(), target.c_str()) != 0) return system_error(errno, what, folder_);
    path_.clear();
    return existed;
  }

 private:
  // The disk begins while we still hash, instead of all at once in fsync. Advice only: what it returns is nothing.
  void start_writeback() {
    if (written_ - started_ < writeback_step) return;
    ::sync_file_range(file_.fd(), started_, written_ - started_, SYNC_FILE_RANGE_WRITE);
    started_ = written_;
  }

  fs::path folder_, lock_;
  std::int64_t written_ = 0, started_ = 0;  // bytes
  std::string path_;                        // "" once it has its name
  File file_;
  Disk& disk_;
};

class FileBlobSource : public ByteSource {
 public:
  FileBlobSource(File file, fs::path path) : file_(std::move(file)), path_(std::move(path)) {}
  Result<std::size_t> read(char* into, std::size_t size) override {
    for (;;) {
      const auto got = ::read(file_.fd(), into, size);
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR) return system_error(errno, "cannot read", path_);
    }
  }

 private:
  File file_;
  fs::path path_;
};

}  // namespace

Result<std::unique_ptr<BlobWriter>> new_blob_file(const fs::path& folder, const fs::path& lock, Disk& disk) {
  for (;;) {
    std::string path = (folder / ".mlctl-XXXXXX.tmp").string();
    File file(::mkostemps(path.data(), 4, O_CLOEXEC));
    if (file.fd() < 0) return system_error(errno, "cannot write to the registry", folder);
    // Somebody who cleans up may have taken it for a leftover between its creation and the lock.
    struct stat info{};
    if (!lock_now(file.fd()) || ::fstat(file.fd(), &info) != 0 || info.st_nlink == 0) continue;
    return std::unique_ptr<BlobWriter>(std::make_unique<FileBlob>(folder, lock, path, std::move(file), disk));
  }
}

Result<std::unique_ptr<ByteSource>> open_blob_file(const fs::path& folder, const Digest& digest, std::uint64_t offset) {
  const Error gone{Error::Kind::not_found, "no such digest: " + to_string(digest), ""};
  auto opened = Folder::open(folder);
  if (!opened) return opened.error().kind == Error::Kind::not_found ? gone : opened.error();
  auto file = opened->open_file(digest.hex());
  if (!file) return file.error().kind == Error::Kind::not_found ? gone : file.error();
  if (::lseek(file->fd(), static_cast<off_t>(offset), SEEK_SET) < 0)
    return system_error(errno, "cannot read", folder / digest.hex());
  return std::unique_ptr<ByteSource>(std::make_unique<FileBlobSource>(std::move(*file), folder / digest.hex()));
}

bool is_stale_file(const fs::path& path) {
  if (path.filename().string().rfind(".mlctl-", 0) != 0) return false;
  const File file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  return file.fd() >= 0 && lock_now(file.fd());
}

void remove_stale_files(const fs::path& folder, const std::set<std::string>& kept) {
  std::error_code code;
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end; entry.increment(code)) {
    const auto name = entry->path().filename().string();
    if (name.rfind(".mlctl-", 0) != 0 || kept.count(name) != 0) continue;
    const File file(::open(entry->path().c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (file.fd() >= 0 && lock_now(file.fd())) ::unlink(entry->path().c_str());
  }
}

}  // namespace mlctl::registry
