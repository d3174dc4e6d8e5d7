#include "registry/incoming.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "base/terminal.h"
#include "registry/blob_file.h"
#include "registry/part_file.h"

namespace mlctl::registry {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t writeback_step = 8 << 20;  // bytes

}  // namespace

Error in_the_way(const fs::path& path) {
  return {Error::Kind::usage, escape_control(path.string()) + ": a folder, where a file of the model belongs",
          "move it out of the way"};
}

Incoming::Incoming(const Folder& folder, std::string path, File parent, Disk& disk)
    : relative_(std::move(path)), path_(folder.path() / relative_), parent_(std::move(parent)), disk_(disk) {}

Incoming::~Incoming() {
  if (!temporary_.empty() && (!resumable_ || written_ == 0)) ::unlink(temporary_.c_str());
}

Result<std::unique_ptr<Incoming>> Incoming::create(const Folder& folder, const PackedFile& file,
                                                   const std::set<std::string>* parts, bool resume, Disk& disk) {
  auto parent = folder.open_parent(file.path, true);
  if (!parent) return parent.error();
  auto made = std::unique_ptr<Incoming>(new Incoming(folder, file.path, std::move(*parent), disk));
  // By the descriptor's name in /proc: the folder that was reached without links, whatever stands at its path now.
  const std::string here = "/proc/self/fd/" + std::to_string(made->parent_.fd());
  if (parts != nullptr) remove_stale_files(here, *parts);
  made->name_ = here + "/" + last_part(file.path);
  if (auto part = resume ? open_part(here, file) : std::nullopt) {
    made->kept_ = made->skip_ = part->size;
    made->written_ = made->started_ = static_cast<std::int64_t>(part->size);
    made->temporary_ = std::move(part->path);
    made->file_ = std::move(part->file);
    made->resumable_ = true;
    return made;
  }
  made->temporary_ = here + "/.mlctl-XXXXXX.tmp";
  made->file_ = File(::mkostemps(made->temporary_.data(), 4, O_CLOEXEC));
  if (made->file_.fd() >= 0 && ::flock(made->file_.fd(), LOCK_EX | LOCK_NB) == 0) return made;
  const int code = errno;
  made->temporary_.clear();
  return made->failed(code);
}

Status Incoming::write(std::string_view bytes) {
  const auto known = std::min<std::uint64_t>(skip_, bytes.size());
  skip_ -= known;
  bytes.remove_prefix(known);
  while (!bytes.empty()) {
    const auto written = disk_.write(file_.fd(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      const int code = written == 0 ? ENOSPC : errno;
      discard();
      return failed(code);
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
    written_ += written;
  }
  // The disk begins while the rest is still hashed. That is advice: what it returns is nothing.
  if (written_ - started_ >= writeback_step) {
    ::sync_file_range(file_.fd(), started_, written_ - started_, SYNC_FILE_RANGE_WRITE);
    started_ = written_;
  }
  return ok();
}

Status Incoming::seal(bool executable) {
  if (::fchmod(file_.fd(), executable ? 0755 : 0644) != 0) return failed(errno);
  ::sync_file_range(file_.fd(), started_, 0, SYNC_FILE_RANGE_WRITE);
  return ok();
}

Status Incoming::make_durable() {
  return disk_.fsync(file_.fd()) == 0 ? ok() : Status(failed(errno));
}

Status Incoming::make_all_durable() {
  return disk_.syncfs(file_.fd()) == 0 ? ok() : Status(failed(errno));
}

Status Incoming::rename() {
  if (disk_.rename(temporary_.c_str(), name_.c_str()) != 0) return failed(errno);
  temporary_.clear();
  return ok();
}

Error Incoming::failed(int code) const {
  return code == EISDIR ? in_the_way(path_) : system_error(code, "cannot write", path_);
}

}  // namespace mlctl::registry
