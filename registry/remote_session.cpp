#include "registry/remote_session.h"

#include <chrono>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "base/digest.h"

namespace mlctl::registry {
namespace {

namespace fs = std::filesystem;

constexpr auto oldest = std::chrono::hours(168);
constexpr std::size_t location_limit = 16U << 10U;

bool is_the_file_at(int fd, const fs::path& path) {
  struct stat opened{};
  struct stat there{};
  return ::fstat(fd, &opened) == 0 && ::stat(path.c_str(), &there) == 0 && opened.st_ino == there.st_ino &&
         opened.st_dev == there.st_dev;
}

// Locked for us alone, or empty.
File open_locked(const fs::path& path) {
  File file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.fd() < 0 || ::flock(file.fd(), LOCK_EX | LOCK_NB) != 0 || !is_the_file_at(file.fd(), path)) return {};
  return file;
}

void forget_old(const fs::path& folder) {
  std::error_code code;
  const auto now = fs::file_time_type::clock::now();
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end; entry.increment(code)) {
    std::error_code gone;
    const auto time = fs::last_write_time(entry->path(), gone);
    if (gone || now - time < oldest) continue;
    if (const File file = open_locked(entry->path()); file.fd() >= 0) ::unlink(entry->path().c_str());
  }
}

}  // namespace

std::unique_ptr<UploadSession> UploadSession::open(const fs::path& cache, const std::string& host,
                                                   const std::string& repository, const std::string& key) {
  if (cache.empty() || key.empty()) return nullptr;
  const fs::path folder = cache / "uploads";
  if (auto made = make_folders(folder); !made) return nullptr;
  ::chmod(folder.c_str(), 0700);
  forget_old(folder);
  const fs::path path = folder / digest_of(host + "\n" + repository + "\n" + key).hex();
  File file = open_locked(path);
  if (file.fd() < 0) return nullptr;
  std::string text(location_limit, '\0');
  const auto got = ::pread(file.fd(), text.data(), text.size(), 0);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  std::unique_ptr<UploadSession> session(new UploadSession(path, std::move(file)));
  // Whole only with its end: a torn one is none.
  if (!text.empty() && text.back() == '\n') session->location_ = text.substr(0, text.find('\n'));
  return session;
}

UploadSession::~UploadSession() {
  if (location_.empty()) forget();
}

void UploadSession::save(const std::string& location) {
  location_ = location;
  const std::string text = location + "\n";
  if (text.size() >= location_limit || ::ftruncate(file_.fd(), 0) != 0) return;
  if (::pwrite(file_.fd(), text.data(), text.size(), 0) < 0) location_.clear();
}

void UploadSession::forget() {
  location_.clear();
  if (!std::exchange(forgotten_, true)) ::unlink(path_.c_str());
}

}  // namespace mlctl::registry
