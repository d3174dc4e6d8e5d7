// Files: read with a limit, written so that a reader (or the next process after kill -9) sees the old content or the
// new, never a part. The system calls that can fail half-way go through Disk, so that a test can fill it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace mlctl {

// The seam for faults. Each call has the meaning and the return value of the system call of its name (errno is set).
struct Disk {
  virtual ~Disk() = default;
  virtual long write(int fd, const void* data, std::size_t size);
  virtual int fsync(int fd);
  virtual int syncfs(int fd);
  virtual int rename(const char* from, const char* to);
};
[[nodiscard]] Disk& real_disk();

// Reads a whole regular file. Error{usage} when it is larger than `limit` bytes, Error{not_found} when absent,
// Error{unavailable} when unreadable or not a regular file (a FIFO or device is never opened for reading).
[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t limit);

// Writes beside, fsyncs, renames over `path`, fsyncs the folder. Creates missing parents. `mode` as in chmod(2). On an
// error (full disk, read-only folder) the old file stays. What kill -9 leaves beside is called .mlctl-*.tmp.
[[nodiscard]] Status write_file(const std::filesystem::path& path, std::string_view bytes, unsigned mode = 0644,
                                Disk& disk = real_disk());

// mkdir -p; what exists already must be a folder.
[[nodiscard]] Status make_folders(const std::filesystem::path& path);
[[nodiscard]] Status sync_folder(const std::filesystem::path& path, Disk& disk = real_disk());
// Deletes a file or a whole tree; nothing there is success.
[[nodiscard]] Status remove_tree(const std::filesystem::path& path);
// True when `path`, its links followed, is `root` or lies inside it, its links followed. Neither needs to exist wholly;
// links to what does not exist are followed too.
[[nodiscard]] bool lies_within(const std::filesystem::path& path, const std::filesystem::path& root);

// "what: path: No space left on device", kind unavailable; `code` is an errno value.
[[nodiscard]] Error system_error(int code, std::string_view what, const std::filesystem::path& path);

// A fresh folder, mode 0700, removed with everything in it on destruction.
class TemporaryFolder {
 public:
  // In $TMPDIR or /tmp when `parent` is empty.
  static Result<TemporaryFolder> create(const std::filesystem::path& parent = {}, std::string_view prefix = "mlctl-");
  ~TemporaryFolder();
  TemporaryFolder(TemporaryFolder&& other) noexcept;
  TemporaryFolder& operator=(TemporaryFolder&& other) noexcept;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  explicit TemporaryFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

// A file descriptor that closes itself. fd() is -1 when empty.
class File {
 public:
  File() = default;
  explicit File(int fd) : fd_(fd) {}
  ~File();
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  [[nodiscard]] int fd() const { return fd_; }
  // Gives the descriptor away: this object no longer closes it.
  int release();

 private:
  int fd_ = -1;
};

}  // namespace mlctl
