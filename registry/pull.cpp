#include "registry/pull.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "base/interrupt.h"
#include "base/terminal.h"
#include "registry/blob_file.h"
#include "registry/folder.h"
#include "registry/pack.h"
#include "registry/part_file.h"
#include "registry/remote_address.h"

namespace mlctl::registry {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t buffer_size = 1U << 20U;
constexpr std::int64_t writeback_step = 8 << 20;   // bytes
constexpr std::size_t batch_files = 128;           // that wait for the disk together
constexpr std::uint64_t batch_bytes = 64U << 20U;  // the same

Error in_the_way(const fs::path& path) {
  return {Error::Kind::usage, escape_control(path.string()) + ": a folder, where a file of the model belongs",
          "move it out of the way"};
}

// One file on its way into the folder: beside, durable, then under its name. Several may take these steps together.
class Incoming {
 public:
  // `parts`: what a killed pull left of this one; not null for the first file in a folder, where all else that killed
  // pulls left goes. `resume`: under a name that the next pull finds.
  static Result<std::unique_ptr<Incoming>> create(const Folder& folder, const PackedFile& file,
                                                  const std::set<std::string>* parts, bool resume, Disk& disk) {
    auto parent = folder.open_parent(file.path, true);
    if (!parent) return parent.error();
    auto made = std::unique_ptr<Incoming>(new Incoming(folder.path() / file.path, std::move(*parent), disk));
    const std::string here = "/proc/self/fd/" + std::to_string(made->parent_.fd());
    if (parts != nullptr) remove_stale_files(here, *parts);
    // By the descriptor's name in /proc: the folder that was reached without links, whatever stands at its path now.
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
  ~Incoming() {
    if (!temporary_.empty() && (!resumable_ || written_ == 0)) ::unlink(temporary_.c_str());
  }
  Incoming(const Incoming&) = delete;
  Incoming& operator=(const Incoming&) = delete;

  // What an earlier pull left: bytes, read from file() and handed to write() like all others.
  [[nodiscard]] std::uint64_t kept() const { return kept_; }
  [[nodiscard]] const File& file() const { return file_; }
  // It is not what it should be, or the disk is full: nothing is left for the next pull.
  void discard() { resumable_ = false; }

  Status write(std::string_view bytes) {
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

  // All bytes are there: the disk may begin with them. That is advice: what it returns is nothing.
  Status seal(bool executable) {
    if (::fchmod(file_.fd(), executable ? 0755 : 0644) != 0) return failed(errno);
    ::sync_file_range(file_.fd(), started_, 0, SYNC_FILE_RANGE_WRITE);
    return ok();
  }
  Status make_durable() { return disk_.fsync(file_.fd()) == 0 ? ok() : Status(failed(errno)); }
  Status rename() {
    if (disk_.rename(temporary_.c_str(), name_.c_str()) != 0) return failed(errno);
    temporary_.clear();
    return ok();
  }
  Status sync_parent() { return disk_.fsync(parent_.fd()) == 0 || errno == EINVAL ? ok() : Status(failed(errno)); }
  [[nodiscard]] fs::path parent() const { return path_.parent_path(); }

 private:
  Incoming(fs::path path, File parent, Disk& disk) : path_(std::move(path)), parent_(std::move(parent)), disk_(disk) {}
  [[nodiscard]] Error failed(int code) const {
    return code == EISDIR ? in_the_way(path_) : system_error(code, "cannot write", path_);
  }

  fs::path path_;  // for messages
  std::string name_, temporary_;
  File parent_, file_;
  std::int64_t written_ = 0, started_ = 0;  // bytes of the file
  std::uint64_t kept_ = 0, skip_ = 0;       // of them an earlier pull's; of those, what write() has still to see
  bool resumable_ = false;
  Disk& disk_;
};

Result<Digest> digest_of_file(const File& file, const fs::path& path) {
  Sha256 hash;
  std::string buffer(buffer_size, '\0');
  for (;;) {
    if (interrupted()) return interrupted_error();
    const auto got = ::read(file.fd(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(errno, "cannot read", path);
    if (got == 0) return hash.finish();
    hash.update(buffer.data(), static_cast<std::size_t>(got));
  }
}

std::string link_at(const Folder& folder, const std::string& path) {
  auto parent = folder.open_parent(path, false);
  std::array<char, 4096> target{};
  const auto size = parent ? ::readlinkat(parent->fd(), last_part(path).c_str(), target.data(), target.size()) : -1;
  return size > 0 ? std::string(target.data(), static_cast<std::size_t>(size)) : std::string();
}

// What stands there is what should.
bool is_right(const Folder& folder, const PackedFile& file) {
  if (!file.link.empty()) return link_at(folder, file.path) == file.link;
  auto opened = folder.open_file(file.path);
  struct stat info{};
  if (!opened || ::fstat(opened->fd(), &info) != 0) return false;
  if (static_cast<std::uint64_t>(info.st_size) != file.size || ((info.st_mode & 0100U) != 0) != file.executable)
    return false;
  auto digest = digest_of_file(*opened, file.path);
  return digest && *digest == file.digest;
}

Status make_link(const Folder& folder, const PackedFile& file, Disk& disk) {
  const auto failed = [&](int code) {
    const auto path = folder.path() / file.path;
    return code == EISDIR ? in_the_way(path) : system_error(code, "cannot make the link", path);
  };
  auto parent = folder.open_parent(file.path, true);
  if (!parent) return parent.error();
  const std::string prefix = "/proc/self/fd/" + std::to_string(parent->fd()) + "/";
  const std::string temporary = prefix + ".mlctl-link-" + std::to_string(::getpid()) + ".tmp";
  ::unlink(temporary.c_str());
  if (::symlink(file.link.c_str(), temporary.c_str()) != 0) return failed(errno);
  if (disk.rename(temporary.c_str(), (prefix + last_part(file.path)).c_str()) == 0) return ok();
  const int code = errno;
  ::unlink(temporary.c_str());
  return failed(code);
}

class Puller {
 public:
  Puller(Store& store, const ModelName& model, const Folder& folder, Progress& progress, Disk& disk)
      : store_(store), model_(model), folder_(folder), progress_(progress), disk_(disk) {}

  Result<PullReport> run(const std::vector<PackedLayer>& layers) {
    for (const auto& layer : layers)
      if (may_resume(layer)) parts_.insert(part_name(layer.files.front()));
    for (const auto& layer : layers) {
      if (interrupted()) return interrupted_error();
      if (auto pulled = pull_layer(layer); !pulled) {
        (void)commit_all();  // what is right is kept for the next pull
        return pulled.error();
      }
    }
    if (auto kept = commit_all(); !kept) return kept.error();
    // Links last: no file is ever reached through one of them.
    for (const auto& layer : layers)
      for (const auto& file : layer.files)
        if (!file.link.empty() && wrong_.count(file.path) != 0)
          if (auto made = make_link(folder_, file, disk_); !made) return made.error();
    return report_;
  }

 private:
  Status pull_layer(const PackedLayer& layer) {
    bool needed = false;
    for (const auto& file : layer.files) {
      ++report_.files;
      if (is_right(folder_, file)) {
        ++report_.kept;
        continue;
      }
      wrong_.insert(file.path);
      needed = needed || file.link.empty();
    }
    if (!needed) return ok();
    const int fetches = is_remote(store_.name()) ? corrupt_fetches : 1;
    const auto bytes = report_.bytes;
    for (int fetched = 1;; ++fetched) {
      report_.bytes = bytes;
      bool resumed = false;
      auto taken = fetch(layer, resumed);
      if (resumed) --fetched;  // what was left of an earlier pull may have gone bad
      if (taken || taken.error().kind != Error::Kind::corrupt || fetched >= fetches) return taken;
    }
  }

  Result<std::unique_ptr<Incoming>> create(const PackedFile& file, bool resume) {
    const bool first = cleaned_.insert(fs::path(file.path).parent_path()).second;
    return Incoming::create(folder_, file, first ? &parts_ : nullptr, resume, disk_);
  }

  Status fetch(const PackedLayer& layer, bool& resumed) {
    if (may_resume(layer)) {
      auto incoming = create(layer.files.front(), true);
      if (!incoming) return incoming.error();
      incoming_ = std::move(*incoming);
    }
    resumed = incoming_ && incoming_->kept() > 0;
    auto source = resumed ? open_resumed(store_, model_, layer, incoming_->file(), incoming_->kept())
                          : open_layer(store_, model_, layer);
    if (!source) {
      resumed = false;
      incoming_.reset();
      return source.error();
    }
    auto read = read_layer(
        layer, **source,
        {[this](const PackedFile& file) { return begin(file); }, [this](const PackedFile& file) { return end(file); }});
    if (incoming_ && !read && read.error().kind == Error::Kind::corrupt) incoming_->discard();
    incoming_.reset();
    return read ? ok() : Status(read.error().context(to_string(model_)));
  }

  Result<Sink> begin(const PackedFile& file) {
    if (!file.link.empty() || wrong_.count(file.path) == 0) return Sink();
    if (!incoming_) {
      auto incoming = create(file, false);
      if (!incoming) return incoming.error();
      incoming_ = std::move(*incoming);
    }
    return Sink([this](std::string_view bytes) {
      report_.bytes += bytes.size();
      progress_.update(human_bytes(report_.bytes));
      return incoming_->write(bytes);
    });
  }

  // The content was compared with the file's digest on the way.
  Status end(const PackedFile& file) {
    if (!incoming_) return ok();
    if (auto sealed = incoming_->seal(file.executable); !sealed) return sealed;
    waiting_.push_back(std::move(incoming_));
    waiting_bytes_ += file.size;
    return waiting_.size() < batch_files && waiting_bytes_ < batch_bytes ? ok() : commit_all();
  }

  // One wait for the disk serves many small files.
  Status commit_all() {
    for (const auto& one : waiting_)
      if (auto durable = one->make_durable(); !durable) return durable;
    for (const auto& one : waiting_)
      if (auto named = one->rename(); !named) return named;
    std::set<fs::path> synced;
    for (const auto& one : waiting_)
      if (synced.insert(one->parent()).second)
        if (auto done = one->sync_parent(); !done) return done;
    waiting_.clear();
    waiting_bytes_ = 0;
    return ok();
  }

  Store& store_;
  const ModelName& model_;
  const Folder& folder_;
  Progress& progress_;
  Disk& disk_;
  PullReport report_;
  std::set<std::string> wrong_;
  std::unique_ptr<Incoming> incoming_;
  std::vector<std::unique_ptr<Incoming>> waiting_;  // whole, and checked
  std::uint64_t waiting_bytes_ = 0;
  std::set<fs::path> cleaned_;   // folders
  std::set<std::string> parts_;  // names that this version's files have while they are on their way
};

// What stands where a folder must be made, if that is why it could not.
std::optional<Error> not_a_folder(const fs::path& folder) {
  fs::path path;
  for (const auto& part : folder) {
    path /= part;
    std::error_code code;
    const auto here = fs::symlink_status(path, code).type();
    if (here == fs::file_type::not_found) return std::nullopt;
    if (fs::is_directory(path, code)) continue;
    return Error{Error::Kind::usage,
                 escape_control(path.string()) +
                     (here == fs::file_type::symlink ? ": a link that leads to no folder" : ": not a folder"),
                 "name another folder, or move it out of the way"};
  }
  return std::nullopt;
}

}  // namespace

Result<PullReport> pull(Store& store, const ModelName& model, const Digest& digest, const fs::path& folder,
                        Progress& progress, Disk& disk) {
  auto manifest = store.read_manifest(model, digest);
  if (!manifest) return manifest.error();
  auto layers = read_layers(store, model, *manifest);
  if (!layers) return layers.error().context(to_string(model) + "@" + to_string(digest));
  if (auto made = make_folders(folder); !made) return not_a_folder(folder).value_or(made.error());
  auto opened = Folder::open(folder);
  if (!opened) return opened.error();
  return Puller(store, model, *opened, progress, disk).run(*layers);
}

}  // namespace mlctl::registry
