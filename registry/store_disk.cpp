// The registry in a folder.
#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "base/document.h"
#include "base/lock.h"
#include "base/terminal.h"
#include "registry/blob_file.h"
#include "registry/folder.h"
#include "registry/garbage.h"
#include "registry/oci.h"
#include "registry/store.h"
#include "registry/store_index.h"
#include "registry/store_root.h"

namespace mlctl::registry {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t index_limit = 256U << 20U;
constexpr std::string_view layout_text = "{\"imageLayoutVersion\":\"1.0.0\"}";

class DiskStore : public Store {
 public:
  DiskStore(fs::path root, Disk& disk) : root_(std::move(root)), disk_(disk) {}

  [[nodiscard]] std::string name() const override { return root_.string(); }

  // Without those whose first push was killed.
  Result<std::vector<ModelName>> models() override {
    static const auto empty_size = Index().text().size();
    auto found = models_with("oci-layout");
    if (!found) return found;
    std::erase_if(*found, [&](const ModelName& model) {
      std::error_code code;
      const auto size = fs::file_size(index_path(model), code);
      return code ? !has_blobs(model) : size == empty_size;
    });
    return found;
  }

  [[nodiscard]] Result<std::vector<ModelName>> models_with(const char* part) const {
    std::vector<ModelName> found;
    const auto add = [&](const fs::path& folder) {
      std::error_code code;
      if (!fs::exists(folder / part, code)) return;
      auto model = parse_model_name(folder.lexically_relative(root_ / "models").generic_string());
      if (model) found.push_back(std::move(*model));
    };
    std::error_code code;
    for (fs::directory_iterator one(root_ / "models", code), end; !code && one != end; one.increment(code)) {
      add(one->path());
      std::error_code inner;
      for (fs::directory_iterator two(one->path(), inner); !inner && two != end; two.increment(inner)) add(two->path());
    }
    if (code && code != std::errc::no_such_file_or_directory)
      return system_error(code.value(), "cannot read folder", root_ / "models");
    std::sort(found.begin(), found.end());
    return found;
  }

  // Whoever asks does not store what is there: it must not go before something refers to it.
  Result<bool> has_blob(const ModelName& model, const Digest& digest, std::uint64_t size) override {
    std::error_code code;
    if (!fs::exists(blobs(model), code)) return false;
    // A registry that cannot be written to has no collector either.
    if (auto held = hold(model); !held && held.error().kind != Error::Kind::unavailable) return held.error();
    const auto there = fs::file_size(blobs(model) / digest.hex(), code);
    return !code && there == size;
  }

  Result<std::unique_ptr<BlobWriter>> new_blob(const ModelName& model, const BlobHint&) override {
    if (auto made = prepare(model); !made) return made.error();
    return new_blob_file(blobs(model), lock_path(model), disk_);
  }

  Result<std::unique_ptr<ByteSource>> open_blob(const ModelName& model, const Digest& digest,
                                                std::uint64_t offset) override {
    auto blob = open_blob_file(blobs(model), digest, offset);
    if (!blob) return blob.error().context(to_string(model));
    return blob;
  }

  Result<std::string> read_blob(const ModelName& model, const Digest& digest, std::uint64_t limit) override {
    auto source = open_blob(model, digest, 0);
    if (!source) return source.error();
    auto bytes = read_all(**source, limit);
    if (bytes && digest_of(*bytes) == digest) return bytes;
    return Error{Error::Kind::corrupt,
                 to_string(model) + ": blob " + to_string(digest) + " is not what its digest says",
                 "push the version again from its files (--rehash), or restore the registry"};
  }

  Status put_blob(const ModelName& model, std::string_view bytes) override {
    if (auto made = prepare(model); !made) return made;
    // Read, not only looked at: one that went bad is written again.
    if (read_blob(model, digest_of(bytes), bytes.size())) return ok();
    auto blob = new_blob(model, {bytes.size(), std::nullopt, ""});
    if (!blob) return blob.error();
    if (auto written = (*blob)->write(bytes); !written) return written;
    auto kept = (*blob)->commit(digest_of(bytes));
    return kept ? ok() : Status(kept.error());
  }

  Result<std::string> read_manifest(const ModelName& model, const Digest& digest) override {
    auto text = read_blob(model, digest, manifest_limit);
    if (text || text.error().kind != Error::Kind::not_found) return text;
    const auto index = read_index(model);
    if (!index || !index->holds(digest)) return text;
    return Error{Error::Kind::corrupt, to_string(model) + ": manifest " + to_string(digest) + " is gone",
                 "push the same files again, or copy the version from another registry"};
  }

  Result<Published> publish(const ModelName& model, const Publication& publication,
                            const PublicationTexts& texts) override {
    for (const auto& text : {texts.model, texts.image})
      if (!text.empty())
        if (auto put = put_blob(model, text); !put) return put.error();
    auto lock = FileLock::acquire(lock_path(model), LockKind::exclusive);
    if (!lock) return lock.error();
    auto index = read_index(model);
    if (!index) return index.error();
    auto added = index->add(model, publication);
    if (!added) return added.error();
    for (const auto& manifest : {publication.model, publication.image})
      if (!manifest.media_type.empty())
        if (auto whole = check_whole(model, manifest); !whole) return whole.error();
    if (*added)
      if (auto written = write_index(model, *index); !written) return written.error();
    let_go(model);
    return Published{!*added};
  }

  Result<std::optional<Publication>> find(const ModelName& model, const Version& version) override {
    auto all = publications(model);
    if (!all) return all.error();
    for (auto& one : *all)
      if (one.version == version) return std::optional(std::move(one));
    return std::optional<Publication>();
  }

  Result<std::vector<Publication>> publications(const ModelName& model) override {
    auto index = read_index(model);
    if (!index) return index.error();
    return index->publications();
  }

  Status put_referrer(const ModelName& model, const Digest& subject, const Descriptor& manifest,
                      std::string_view text) override {
    if (auto put = put_blob(model, text); !put) return put;
    auto lock = FileLock::acquire(lock_path(model), LockKind::exclusive);
    if (!lock) return lock.error();
    auto index = read_index(model);
    if (!index) return index.error();
    if (!index->holds(subject))
      return Error{Error::Kind::not_found, to_string(model) + ": no such digest: " + to_string(subject), ""};
    if (auto whole = check_whole(model, manifest); !whole) return whole;
    if (index->add_referrer(subject, manifest))
      if (auto written = write_index(model, *index); !written) return written;
    let_go(model);
    return ok();
  }

  Result<std::vector<Descriptor>> referrers(const ModelName& model, const Digest& subject) override {
    auto index = read_index(model);
    if (!index) return index.error();
    return index->referrers(subject);
  }

  Result<std::vector<ModelName>> models_with_garbage() override { return models_with("blobs/sha256"); }

  Result<GarbageReport> collect_garbage(const ModelName& model, bool dry_run) override {
    GarbageReport report;
    std::error_code code;
    if (!fs::exists(blobs(model), code)) return report;
    let_go(model);
    auto alone = FileLock::acquire(push_lock_path(model), LockKind::exclusive);
    if (!alone) return alone.error();
    auto lock = FileLock::acquire(lock_path(model), LockKind::exclusive);
    if (!lock) return lock.error();
    auto index = read_index(model);
    if (!index) return index.error();
    auto kept = reachable(index->entries(), blobs(model));
    if (!kept) return kept.error();
    auto garbage = unreachable(blobs(model), *kept);
    if (!garbage) return garbage.error();
    report.kept = kept->size();
    for (const auto& item : *garbage) {
      const fs::path path = blobs(model) / item.name;
      if (!dry_run && ::unlink(path.c_str()) != 0 && errno != ENOENT) return system_error(errno, "cannot remove", path);
      report.bytes += item.bytes;
    }
    report.removed = std::move(*garbage);
    return report;
  }

 private:
  [[nodiscard]] fs::path folder(const ModelName& model) const { return root_ / "models" / to_string(model); }
  [[nodiscard]] fs::path blobs(const ModelName& model) const { return folder(model) / "blobs" / "sha256"; }
  [[nodiscard]] fs::path lock_path(const ModelName& model) const { return folder(model) / ".lock"; }
  [[nodiscard]] fs::path push_lock_path(const ModelName& model) const { return folder(model) / ".push"; }
  [[nodiscard]] fs::path index_path(const ModelName& model) const { return folder(model) / "index.json"; }

  // From here on nothing is collected, until let_go(), or until this process ends.
  Status hold(const ModelName& model) {
    const std::lock_guard guard(mutex_);
    if (held_.count(model) != 0) return ok();
    auto lock = FileLock::acquire(push_lock_path(model), LockKind::shared);
    if (!lock) return lock.error();
    held_.emplace(model, std::move(*lock));
    return ok();
  }
  void let_go(const ModelName& model) {
    const std::lock_guard guard(mutex_);
    held_.erase(model);
  }

  // Nothing is collected, and the layout is there.
  Status prepare(const ModelName& model) {
    if (auto made = make_layout(model); !made) return made;
    return hold(model);
  }

  // The registry's mark, the model's layout, and no leftovers of dead writers; once for each model.
  Status make_layout(const ModelName& model) {
    const std::lock_guard guard(mutex_);
    if (prepared_.count(model) != 0) return ok();
    if (auto marked = mark_root(root_, disk_); !marked) return marked;
    if (auto made = make_folders(folder(model)); !made) return made;
    auto lock = FileLock::acquire(lock_path(model), LockKind::exclusive);
    if (!lock) return lock.error();
    std::error_code code;
    if (!fs::exists(folder(model) / "oci-layout", code))
      if (auto written = write_file(folder(model) / "oci-layout", layout_text, 0644, disk_); !written) return written;
    // Before the first blob: where there are blobs and no index, somebody lost it.
    if (!fs::exists(index_path(model), code) && !has_blobs(model))
      if (auto written = write_file(index_path(model), Index().text(), 0644, disk_); !written) return written;
    if (auto made = make_folders(blobs(model)); !made) return made;
    // Nobody else writes beside the index without the exclusive lock.
    for (fs::directory_iterator entry(folder(model), code), end; !code && entry != end; entry.increment(code))
      if (is_temporary(entry->path())) ::unlink(entry->path().c_str());
    remove_stale_files(blobs(model));
    prepared_.insert(model);
    return ok();
  }

  Result<Index> read_index(const ModelName& model) const {
    auto text = read_file(index_path(model), index_limit);
    if (!text && text.error().kind == Error::Kind::not_found) {
      if (!has_blobs(model)) return Index();
      return Error{Error::Kind::corrupt,
                   escape_control(index_path(model).string()) + " is gone: nothing tells which versions there are",
                   "restore the file from a backup, push again what is newer than that, and only then `mlctl gc`"};
    }
    if (!text) return text.error();
    return Index::parse(*text, escape_control(index_path(model).string()));
  }

  [[nodiscard]] bool has_blobs(const ModelName& model) const {
    std::error_code code;
    const fs::directory_iterator entry(blobs(model), code);
    return !code && entry != fs::directory_iterator();
  }

  Status write_index(const ModelName& model, const Index& index) {
    if (auto named = sync_folder(blobs(model), disk_); !named) return named;
    return write_file(index_path(model), index.text(), 0644, disk_);
  }

  // Every blob that a manifest names is there and as long as it says; the manifest's own bytes are read.
  Status check_whole(const ModelName& model, const Descriptor& descriptor) {
    auto text = read_blob(model, descriptor.digest, manifest_limit);
    if (!text) return text.error();
    auto manifest = parse_json(*text, "manifest");
    if (!manifest) return manifest.error();
    std::vector<const nlohmann::json*> parts;
    if (const auto* config = oci::member(*manifest, "config")) parts.push_back(config);
    if (const auto* layers = oci::member(*manifest, "layers"))
      for (const auto& layer : *layers) parts.push_back(&layer);
    for (const auto* part : parts) {
      const auto blob = oci::descriptor_of(*part);
      if (!blob) return Error{Error::Kind::corrupt, "a part of the manifest is no descriptor", ""};
      std::error_code code;
      const auto size = fs::file_size(blobs(model) / blob->digest.hex(), code);
      if (code || size != blob->size)
        return Error{Error::Kind::unavailable,
                     to_string(model) + ": blob " + to_string(blob->digest) + " is gone from the registry",
                     "run the command again"};
    }
    return ok();
  }

  fs::path root_;
  Disk& disk_;
  std::mutex mutex_;
  std::set<ModelName> prepared_;
  std::map<ModelName, FileLock> held_;
};

}  // namespace

Result<std::unique_ptr<Store>> open_disk_store(const fs::path& root, Disk& disk) {
  if (root.empty())
    return Error{Error::Kind::usage, "no folder is named for the registry", "`registry:` in mlctl.yaml"};
  auto there = check_root(root);
  if (!there) return there.error();
  return std::unique_ptr<Store>(std::make_unique<DiskStore>(root, disk));
}

}  // namespace mlctl::registry
