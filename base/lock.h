// Advisory locks between processes (flock(2)): released by the kernel when their holder dies.
#pragma once
#include <chrono>
#include <filesystem>

#include "base/filesystem.h"
#include "base/result.h"

namespace mlctl {

enum class LockKind { shared, exclusive };

class [[nodiscard]] FileLock {
 public:
  // Creates the lock file when absent. Waits at most `limit`, then Error{timeout} that names the file.
  static Result<FileLock> acquire(const std::filesystem::path& path, LockKind kind,
                                  std::chrono::milliseconds limit = std::chrono::seconds(60));

 private:
  explicit FileLock(File file) : file_(std::move(file)) {}
  File file_;
};

}  // namespace mlctl
