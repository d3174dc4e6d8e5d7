#include "registry/pull.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <sys/stat.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include "base/interrupt.h"
#include "base/terminal.h"
#include "registry/folder.h"
#include "registry/incoming.h"
#include "registry/pack.h"
#include "registry/part_file.h"
#include "registry/remote_address.h"

namespace mlctl::registry {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t buffer_size = 1U << 20U;
constexpr std::size_t layers_at_once = 3;          // one waits for the disk while others hash
constexpr std::size_t batch_files = 128;           // that wait for the disk together
constexpr std::uint64_t batch_bytes = 64U << 20U;  // the same
constexpr std::size_t few = 8;                     // so many are synced one by one, more with all of the file system

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

// A folder is in the way of everybody, and has an error of its own.
bool is_there(const Folder& folder, const std::string& path) {
  auto parent = folder.open_parent(path, false);
  struct stat info{};
  return parent && ::fstatat(parent->fd(), last_part(path).c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
         !S_ISDIR(info.st_mode);
}

Error in_the_way_of(const fs::path& path) {
  return {Error::Kind::conflict, escape_control(path.string()) + ": is there, and is not this version's",
          "--force replaces it, --dir DIR pulls into another folder"};
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

// What is common to layers that are pulled side by side.
struct Common {
  Store& store;
  const ModelName& model;
  const Folder& folder;
  Disk& disk;
  Existing existing;
  std::mutex mutex;  // over all that follows
  Progress& progress;
  PullReport report;
  std::set<std::string> wrong;          // what is not there, or something else
  std::set<fs::path> cleaned, changed;  // folders
  std::set<std::string> parts;          // names that this version's files have while they are on their way
  // Of the first layer that failed: those behind it stop, those before it may still say what is wrong with them, so
  // that the same trouble is told in the same words.
  std::optional<Error> error;
  std::size_t failed = 0;  // that layer
};

// Pulls one layer after the other, in a thread of its own.
class LayerPuller {
 public:
  explicit LayerPuller(Common& common) : common_(common) {}

  Status pull(const PackedLayer& layer, std::size_t at) {
    layer_ = at;
    bool needed = false;
    for (const auto& file : layer.files) {
      const bool right = is_right(common_.folder, file);
      const std::lock_guard lock(common_.mutex);
      if (auto stop = stopped()) return *stop;
      ++common_.report.files;
      if (right) {
        ++common_.report.kept;
        continue;
      }
      if (common_.existing == Existing::keep && is_there(common_.folder, file.path))
        return in_the_way_of(common_.folder.path() / file.path);
      common_.wrong.insert(file.path);
      needed = needed || file.link.empty();
    }
    if (!needed) return ok();
    const int fetches = is_remote(common_.store.name()) ? corrupt_fetches : 1;
    for (int fetched = 1;; ++fetched) {
      bool resumed = false;
      auto taken = fetch(layer, resumed);
      if (resumed) --fetched;  // what was left of an earlier pull may have gone bad
      if (taken || taken.error().kind != Error::Kind::corrupt || fetched >= fetches) return taken;
      const std::lock_guard lock(common_.mutex);
      common_.report.bytes -= taken_;
    }
  }

  // One wait for the disk serves many small files.
  Status commit() {
    if (waiting_.size() > few) {
      if (auto durable = waiting_.front()->make_all_durable(); !durable) return durable;
    } else {
      for (const auto& one : waiting_)
        if (auto durable = one->make_durable(); !durable) return durable;
    }
    for (const auto& one : waiting_) {
      if (auto named = one->rename(); !named) return named;
      const std::lock_guard lock(common_.mutex);
      common_.changed.insert(fs::path(one->path()).parent_path());
    }
    waiting_.clear();
    waiting_bytes_ = 0;
    return ok();
  }
  [[nodiscard]] std::size_t layer() const { return layer_; }

 private:
  Status fetch(const PackedLayer& layer, bool& resumed) {
    taken_ = 0;
    if (may_resume(layer)) {
      auto incoming = create(layer.files.front(), true);
      if (!incoming) return incoming.error();
      incoming_ = std::move(*incoming);
    }
    resumed = incoming_ && incoming_->kept() > 0;
    auto source = resumed ? open_resumed(common_.store, common_.model, layer, incoming_->file(), incoming_->kept())
                          : open_layer(common_.store, common_.model, layer);
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
    return read ? ok() : Status(read.error().context(to_string(common_.model)));
  }

  // Under the lock: who cleans a folder must not meet a file of ours that is not locked yet.
  Result<std::unique_ptr<Incoming>> create(const PackedFile& file, bool resume) {
    const std::lock_guard lock(common_.mutex);
    const bool first = common_.cleaned.insert(fs::path(file.path).parent_path()).second;
    return Incoming::create(common_.folder, file, first ? &common_.parts : nullptr, resume, common_.disk);
  }

  // Under the lock.
  [[nodiscard]] std::optional<Error> stopped() const {
    if (common_.error && common_.failed < layer_) return common_.error;
    return interrupted() ? std::optional(interrupted_error()) : std::nullopt;
  }

  Result<Sink> begin(const PackedFile& file) {
    {
      const std::lock_guard lock(common_.mutex);
      if (!file.link.empty() || common_.wrong.count(file.path) == 0) return Sink();
    }
    if (!incoming_) {
      auto incoming = create(file, false);
      if (!incoming) return incoming.error();
      incoming_ = std::move(*incoming);
    }
    return Sink([this](std::string_view bytes) {
      {
        const std::lock_guard lock(common_.mutex);
        if (auto stop = stopped()) return Status(*stop);
        common_.report.bytes += bytes.size();
        taken_ += bytes.size();
        common_.progress.update(human_bytes(common_.report.bytes));
      }
      return incoming_->write(bytes);
    });
  }

  // The content was compared with the file's digest on the way.
  Status end(const PackedFile& file) {
    if (!incoming_) return ok();
    if (auto sealed = incoming_->seal(file.executable); !sealed) return sealed;
    waiting_.push_back(std::move(incoming_));
    waiting_bytes_ += file.size;
    return waiting_.size() < batch_files && waiting_bytes_ < batch_bytes ? ok() : commit();
  }

  Common& common_;
  std::size_t layer_ = 0;  // the number of the one that is pulled
  std::unique_ptr<Incoming> incoming_;
  std::vector<std::unique_ptr<Incoming>> waiting_;  // whole, and checked
  std::uint64_t waiting_bytes_ = 0, taken_ = 0;     // of files that wait; of the layer
};

void pull_layers(Common& common, const std::vector<PackedLayer>& layers, std::atomic<std::size_t>& next) {
  LayerPuller puller(common);
  Status pulled = ok();
  for (std::size_t i = next++; pulled && i < layers.size(); i = next++) pulled = puller.pull(layers[i], i);
  // What is right is kept for the next pull, whatever happened.
  if (auto kept = puller.commit(); pulled) pulled = std::move(kept);
  const std::lock_guard lock(common.mutex);
  if (pulled || (common.error && common.failed <= puller.layer())) return;
  common.error = pulled.error();
  common.failed = puller.layer();
}

// The names that were given, and the folders made, outlast a power cut too.
Status sync_folders(const Common& common) {
  const auto failed = [&] { return Status(system_error(errno, "cannot write", common.folder.path())); };
  if (common.changed.size() > few) {
    auto root = common.folder.open_parent("x", false);
    if (!root) return root.error();
    return common.disk.syncfs(root->fd()) == 0 ? ok() : failed();
  }
  for (const auto& path : common.changed) {
    auto folder = common.folder.open_parent((path / "x").string(), false);
    if (!folder) return folder.error();
    if (common.disk.fsync(folder->fd()) != 0 && errno != EINVAL) return failed();
  }
  return ok();
}

Result<PullReport> pull_all(Common& common, const std::vector<PackedLayer>& layers) {
  std::atomic<std::size_t> next{0};
  for (const auto& layer : layers)
    if (may_resume(layer)) common.parts.insert(part_name(layer.files.front()));
  const auto work = [&] { pull_layers(common, layers, next); };
  std::vector<std::thread> others;
  for (std::size_t i = 1; i < std::min(layers_at_once, layers.size()); ++i) others.emplace_back(work);
  work();
  for (auto& other : others) other.join();
  const auto synced = sync_folders(common);
  if (common.error) return *common.error;
  if (!synced) return synced.error();
  // Links last: no file is ever reached through one of them.
  for (const auto& layer : layers)
    for (const auto& file : layer.files)
      if (!file.link.empty() && common.wrong.count(file.path) != 0)
        if (auto made = make_link(common.folder, file, common.disk); !made) return made.error();
  return common.report;
}

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
                        Progress& progress, Disk& disk, Existing existing) {
  auto manifest = store.read_manifest(model, digest);
  if (!manifest) return manifest.error();
  auto layers = read_layers(store, model, *manifest);
  if (!layers) return layers.error().context(to_string(model) + "@" + to_string(digest));
  if (auto made = make_folders(folder); !made) return not_a_folder(folder).value_or(made.error());
  auto opened = Folder::open(folder);
  if (!opened) return opened.error();
  if (existing == Existing::keep && is_there(*opened, "oci-layout"))
    return Error{Error::Kind::usage, escape_control(folder.string()) + ": a registry's own folder, or an OCI layout",
                 "name another folder with --dir"};
  Common common{store, model, *opened, disk, existing, {}, progress, {}, {}, {}, {}, {}, {}};
  return pull_all(common, *layers);
}

}  // namespace mlctl::registry
