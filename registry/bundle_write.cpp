#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "base/document.h"
#include "base/interrupt.h"
#include "registry/bundle.h"
#include "registry/oci.h"
#include "registry/store_index.h"
#include "registry/tar.h"

namespace mlctl::registry {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t buffer_size = 1U << 20U;
constexpr std::string_view layout_text = "{\"imageLayoutVersion\":\"1.0.0\"}";

// A file beside the one that is meant; gone unless it was kept.
class FileBeside {
 public:
  FileBeside(fs::path target, Disk& disk) : target_(std::move(target)), disk_(disk) {}
  ~FileBeside() {
    if (file_.fd() >= 0) ::unlink(path_.c_str());
  }
  FileBeside(const FileBeside&) = delete;
  FileBeside& operator=(const FileBeside&) = delete;

  Status open() {
    const auto folder = target_.has_parent_path() ? target_.parent_path() : fs::path(".");
    if (auto made = make_folders(folder); !made) return made;
    path_ = (folder / ".mlctl-XXXXXX.tmp").string();
    file_ = File(::mkostemps(path_.data(), 4, O_CLOEXEC));
    return file_.fd() >= 0 ? ok() : Status(failed());
  }
  Status write(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto written = disk_.write(file_.fd(), bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) {
        if (written == 0) errno = ENOSPC;
        return failed();
      }
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return ok();
  }
  Status keep() {
    if (::fchmod(file_.fd(), 0644) != 0 || disk_.fsync(file_.fd()) != 0 ||
        disk_.rename(path_.c_str(), target_.c_str()) != 0)
      return failed();
    file_ = File();
    return sync_folder(target_.has_parent_path() ? target_.parent_path() : fs::path("."), disk_);
  }

 private:
  [[nodiscard]] Error failed() const { return system_error(errno, "cannot write", target_); }
  fs::path target_;
  std::string path_;
  File file_;
  Disk& disk_;
};

struct Part {
  const ModelName* model = nullptr;
  std::uint64_t size = 0;
  bool manifest = false;
};
using Parts = std::map<Digest, Part>;  // in the order of the tar

Parts parts_of(const std::vector<CopySet>& sets) {
  Parts parts;
  for (const auto& set : sets) {
    for (const auto& blob : set.blobs) parts.try_emplace(blob.digest, Part{&set.model, blob.size, false});
    const auto add = [&](const Descriptor& manifest) {
      parts.insert_or_assign(manifest.digest, Part{&set.model, manifest.size, true});
    };
    add(set.publication.model);
    if (!set.publication.image.media_type.empty()) add(set.publication.image);
    for (const auto& referrer : set.referrers) add(referrer.manifest);
  }
  return parts;
}

// One index for all models: each entry says whose it is, and its tag carries the name.
Result<std::string> index_text(const std::vector<CopySet>& sets) {
  std::map<ModelName, Index> indexes;
  for (const auto& set : sets) {
    auto& index = indexes[set.model];
    if (auto added = index.add(set.model, set.publication); !added) return added.error();
    for (const auto& referrer : set.referrers) index.add_referrer(referrer.subject, referrer.manifest);
  }
  nlohmann::ordered_json all{{"schemaVersion", 2}, {"mediaType", oci::index_type}};
  auto& entries = all["manifests"] = nlohmann::ordered_json::array();
  for (const auto& [model, index] : indexes) {
    auto one = parse_json(index.text(), "index");
    if (!one) return one.error();
    for (const auto& value : (*one)["manifests"]) {
      auto entry = oci::descriptor_of(value);
      if (!entry) return Error{Error::Kind::corrupt, "an entry is no descriptor", ""};
      entry->annotations[oci::name_annotation] = to_string(model);
      if (const auto tag = entry->annotations.find(oci::ref_name); tag != entry->annotations.end())
        tag->second = to_string(model) + ":" + tag->second;
      entries.push_back(oci::to_json(*entry));
    }
  }
  return all.dump(1, '\t', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

class BundleWriter {
 public:
  BundleWriter(Store& from, FileBeside& file, Progress& progress) : from_(from), file_(file), progress_(progress) {}

  Status blob(const Digest& digest, const Part& part) {
    if (auto begun = begin("blobs/sha256/" + digest.hex(), part.size); !begun) return begun;
    if (part.manifest) {
      auto text = from_.read_manifest(*part.model, digest);
      if (!text) return text.error();
      if (text->size() != part.size) return corrupt(digest);
      if (auto written = file_.write(*text); !written) return written;
    } else if (auto copied = content(digest, part); !copied) {
      return copied;
    }
    return end(part.size);
  }
  Status text(const std::string& name, std::string_view bytes) {
    if (auto begun = begin(name, bytes.size()); !begun) return begun;
    if (auto written = file_.write(bytes); !written) return written;
    return end(bytes.size());
  }

 private:
  [[nodiscard]] Error corrupt(const Digest& digest) const {
    return {Error::Kind::corrupt, "blob " + to_string(digest) + " of " + from_.name() + " is not what its digest says",
            "get it again from where it was copied or pushed from"};
  }
  Status begin(const std::string& name, std::uint64_t size) {
    return file_.write(tar::header({name, size, false, ""}));
  }
  Status end(std::uint64_t size) { return file_.write(std::string(tar::padding(size), '\0')); }

  Status content(const Digest& digest, const Part& part) {
    auto source = from_.open_blob(*part.model, digest, 0);
    if (!source) return source.error();
    Sha256 hash;
    for (std::uint64_t left = part.size;;) {
      if (interrupted()) return interrupted_error();
      auto got = (*source)->read(buffer_.data(), buffer_.size());
      if (!got) return got.error();
      if (*got > left || (*got == 0 && left > 0)) return corrupt(digest);
      if (*got == 0) break;
      left -= *got;
      hash.update(buffer_.data(), *got);
      if (auto written = file_.write({buffer_.data(), *got}); !written) return written;
      progress_.update(human_bytes(done_ += *got));
    }
    return hash.finish() == digest ? ok() : Status(corrupt(digest));
  }

  Store& from_;
  FileBeside& file_;
  Progress& progress_;
  std::uint64_t done_ = 0;
  std::string buffer_ = std::string(buffer_size, '\0');
};

bool holds(const std::vector<CopySet>& sets, const ModelName& model, const Publication& publication) {
  return std::any_of(sets.begin(), sets.end(), [&](const CopySet& set) {
    return set.model == model && set.publication.version == publication.version &&
           set.publication.model.digest == publication.model.digest;
  });
}

}  // namespace

bool is_bundle_name(std::string_view text) {
  return text.size() > 4 && text.ends_with(".tar") && text.find("://") == std::string_view::npos;
}

CopyReport rehearse_bundle(const std::vector<CopySet>& sets) {
  CopyReport report;
  report.versions = sets.size();
  for (const auto& set : sets) report.referrers += set.referrers.size();
  for (const auto& [digest, part] : parts_of(sets)) {
    if (part.manifest) continue;
    ++report.blobs;
    report.bytes += part.size;
  }
  report.sent = report.blobs;
  report.bytes_sent = report.bytes;
  return report;
}

Status may_write_bundle(const std::vector<CopySet>& sets, const fs::path& file) {
  struct stat info{};
  if (::stat(file.c_str(), &info) != 0 || (S_ISREG(info.st_mode) && info.st_size == 0)) return ok();
  const std::string name = escape_control(file.string());
  const std::string hint = "name another file, or remove that one first";
  auto there = S_ISREG(info.st_mode) ? open_bundle(file) : Error{Error::Kind::usage, "", ""};
  auto models = there ? (*there)->models() : there.error();
  if (!models) return Error{Error::Kind::usage, name + " exists and is no bundle", hint};
  for (const auto& model : *models) {
    auto publications = (*there)->publications(model);
    if (!publications) return publications.error();
    for (const auto& one : *publications)
      if (!holds(sets, model, one))
        return Error{Error::Kind::conflict,
                     name + " holds " + to_string(model) + " " + to_string(one.version) + ", which would be lost",
                     hint};
  }
  return ok();
}

Result<CopyReport> write_bundle(Store& from, std::vector<CopySet> sets, const fs::path& file, Progress& progress,
                                Disk& disk) {
  if (auto may = may_write_bundle(sets, file); !may) return may.error();
  std::sort(sets.begin(), sets.end(), [](const auto& a, const auto& b) {
    return a.model != b.model ? a.model < b.model : a.publication.version < b.publication.version;
  });
  const auto parts = parts_of(sets);
  auto index = index_text(sets);
  if (!index) return index.error();
  FileBeside beside(file, disk);
  if (auto opened = beside.open(); !opened) return opened.error();
  BundleWriter writer(from, beside, progress);
  for (const auto& [digest, part] : parts)
    if (auto written = writer.blob(digest, part); !written) return written.error();
  for (const auto& [name, text] :
       {std::pair<std::string, std::string_view>{"index.json", *index}, {"oci-layout", layout_text}})
    if (auto written = writer.text(name, text); !written) return written.error();
  if (auto written = beside.write(tar::trailer()); !written) return written.error();
  if (auto kept = beside.keep(); !kept) return kept.error();
  return rehearse_bundle(sets);
}

}  // namespace mlctl::registry
