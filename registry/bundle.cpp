// A bundle read as a store.
#include "registry/bundle.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "base/document.h"
#include "base/terminal.h"
#include "registry/oci.h"
#include "registry/store_index.h"
#include "registry/tar.h"

namespace mlctl::registry {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t entries_limit = 1'000'000;
constexpr std::uint64_t pax_limit = 64U << 10U;
constexpr std::uint64_t index_limit = 256U << 20U;

struct Extent {
  std::uint64_t offset = 0, size = 0;  // bytes
};

// The bytes of one entry, read where they lie; the descriptor is shared.
class ExtentSource : public ByteSource {
 public:
  ExtentSource(std::shared_ptr<File> file, Extent extent) : file_(std::move(file)), extent_(extent) {}
  Result<std::size_t> read(char* into, std::size_t size) override {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(size, extent_.size));
    for (;;) {
      const auto got = ::pread(file_->fd(), into, wanted, static_cast<off_t>(extent_.offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return system_error(errno, "cannot read", "the bundle");
      extent_.offset += static_cast<std::uint64_t>(got);
      extent_.size -= static_cast<std::uint64_t>(got);
      return static_cast<std::size_t>(got);
    }
  }

 private:
  std::shared_ptr<File> file_;
  Extent extent_;
};

// Octal digits between blanks and NULs, or the base-256 that GNU tar writes for large sizes.
std::optional<std::uint64_t> number_field(std::string_view field) {
  if (!field.empty() && (static_cast<unsigned char>(field[0]) & 0x80U) != 0) {
    std::uint64_t value = static_cast<unsigned char>(field[0]) & 0x7fU;
    for (const char c : field.substr(1)) {
      if (value >> 55U != 0) return std::nullopt;
      value = value << 8U | static_cast<unsigned char>(c);
    }
    return value;
  }
  while (!field.empty() && field.front() == ' ') field.remove_prefix(1);
  while (!field.empty() && (field.back() == ' ' || field.back() == '\0')) field.remove_suffix(1);
  std::uint64_t value = 0;
  const auto [end, code] = std::from_chars(field.data(), field.data() + field.size(), value, 8);
  if (code != std::errc() || end != field.data() + field.size()) return std::nullopt;
  return value;
}

std::string_view text_field(std::string_view field) {
  return field.substr(0, std::min(field.find('\0'), field.size()));
}

// "./blobs/sha256/…" as some tars write it.
std::string plain_name(std::string name) {
  while (name.starts_with("./")) name.erase(0, 2);
  return name;
}

struct Pax {
  std::optional<std::string> path;
  std::optional<std::uint64_t> size;
};

class TarIndex {
 public:
  TarIndex(const File& file, std::uint64_t size) : file_(file), size_(size) {}

  // Where every regular file lies; nullopt: no tar, or cut off.
  std::optional<std::map<std::string, Extent>> read() {
    std::map<std::string, Extent> files;
    Pax pax;
    for (std::size_t entries = 0; entries < entries_limit; ++entries) {
      const auto head = bytes(at_, tar::block);
      if (!head) return std::nullopt;
      if (std::all_of(head->begin(), head->end(), [](char c) { return c == '\0'; })) return files;
      if (head->compare(257, 5, "ustar") != 0) return std::nullopt;
      auto size = number_field(std::string_view(*head).substr(124, 12));
      const char type = (*head)[156];
      if (pax.size && type != 'x') size = pax.size;
      at_ += tar::block;
      if (!size || *size > size_ - at_) return std::nullopt;
      if (type == 'x') {
        auto records = *size <= pax_limit ? bytes(at_, *size) : std::nullopt;
        if (!records || !read_pax(*records, pax)) return std::nullopt;
      } else {
        if (type == '0' || type == '\0') {
          const auto name = plain_name(pax.path.value_or(name_of(*head)));
          if (!files.try_emplace(name, Extent{at_, *size}).second) return std::nullopt;
        }
        pax = {};
      }
      at_ += *size + tar::padding(*size);
      if (at_ > size_) return std::nullopt;
    }
    return std::nullopt;
  }

 private:
  std::optional<std::string> bytes(std::uint64_t offset, std::uint64_t count) {
    if (count > size_ || offset > size_ - count) return std::nullopt;
    std::string text(static_cast<std::size_t>(count), '\0');
    for (std::size_t filled = 0; filled < text.size();) {
      const auto got =
          ::pread(file_.fd(), text.data() + filled, text.size() - filled, static_cast<off_t>(offset + filled));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return std::nullopt;
      filled += static_cast<std::size_t>(got);
    }
    return text;
  }

  static std::string name_of(std::string_view head) {
    const auto name = text_field(head.substr(0, 100)), prefix = text_field(head.substr(345, 155));
    return prefix.empty() ? std::string(name) : std::string(prefix) + "/" + std::string(name);
  }

  // "LENGTH key=value\n", one after the other.
  static bool read_pax(std::string_view records, Pax& pax) {
    while (!records.empty()) {
      std::size_t length = 0;
      const auto [end, code] = std::from_chars(records.data(), records.data() + records.size(), length);
      const auto digits = static_cast<std::size_t>(end - records.data());
      if (code != std::errc() || length > records.size() || length < digits + 2) return false;
      const auto record = records.substr(digits + 1, length - digits - 2);
      const auto equals = record.find('=');
      if (equals == std::string_view::npos) return false;
      const auto key = record.substr(0, equals), value = record.substr(equals + 1);
      if (key == "path") pax.path = value;
      if (key == "size") {
        std::uint64_t size = 0;
        const auto parsed = std::from_chars(value.data(), value.data() + value.size(), size);
        if (parsed.ec != std::errc() || parsed.ptr != value.data() + value.size()) return false;
        pax.size = size;
      }
      records.remove_prefix(length);
    }
    return true;
  }

  const File& file_;
  std::uint64_t size_, at_ = 0;
};

class Bundle : public Store {
 public:
  Bundle(std::string name, std::shared_ptr<File> file, std::map<std::string, Extent> files)
      : name_(std::move(name)), file_(std::move(file)), files_(std::move(files)) {}

  // The models of its index.
  Status load() {
    const auto broken = [&](const std::string& why) {
      return Error{Error::Kind::corrupt, escape_control(name_) + ": " + why, "a bundle is written by `mlctl copy`"};
    };
    const auto found = files_.find("index.json");
    if (found == files_.end() || files_.count("oci-layout") == 0) return broken("not an OCI image layout");
    ExtentSource source(file_, found->second);
    auto text = read_all(source, index_limit);
    if (!text) return text.error();
    auto value = parse_json(*text, "index.json");
    if (!value) return broken(value.error().message);
    const auto* manifests = oci::member(*value, "manifests");
    if (manifests == nullptr || !manifests->is_array()) return broken("index.json: not an image index");
    std::map<ModelName, nlohmann::ordered_json> entries;
    for (const auto& one : *manifests) {
      auto entry = oci::descriptor_of(one);
      if (!entry) return broken("index.json: an entry is no descriptor");
      auto model = parse_model_name(entry->annotations[oci::name_annotation]);
      if (!model) continue;  // somebody else's
      if (const auto tag = entry->annotations.find(oci::ref_name); tag != entry->annotations.end())
        tag->second.erase(0, tag->second.rfind(':') + 1);
      entry->annotations.erase(oci::name_annotation);
      entries[*model].push_back(oci::to_json(*entry));
    }
    if (entries.empty()) return broken("its index names no models");
    for (auto& [model, list] : entries) {
      auto index = Index::parse(nlohmann::ordered_json{{"manifests", std::move(list)}}.dump(), name_);
      if (!index) return index.error();
      indexes_.emplace(model, std::move(*index));
    }
    return ok();
  }

  [[nodiscard]] std::string name() const override { return name_; }

  Result<std::vector<ModelName>> models() override {
    std::vector<ModelName> names;
    for (const auto& [model, index] : indexes_) names.push_back(model);
    return names;
  }
  Result<bool> has_blob(const ModelName& model, const Digest& digest, std::uint64_t size) override {
    const auto* extent = find_blob(model, digest);
    return extent != nullptr && extent->size == size;
  }
  Result<std::unique_ptr<ByteSource>> open_blob(const ModelName& model, const Digest& digest,
                                                std::uint64_t offset) override {
    const auto* extent = find_blob(model, digest);
    if (extent == nullptr)
      return Error{Error::Kind::not_found, to_string(model) + ": no such digest: " + to_string(digest), ""};
    const auto passed = std::min(offset, extent->size);
    return std::unique_ptr<ByteSource>(
        std::make_unique<ExtentSource>(file_, Extent{extent->offset + passed, extent->size - passed}));
  }
  Result<std::string> read_blob(const ModelName& model, const Digest& digest, std::uint64_t limit) override {
    auto source = open_blob(model, digest, 0);
    if (!source) return source.error();
    auto bytes = read_all(**source, limit);
    if (bytes && digest_of(*bytes) == digest) return bytes;
    return Error{Error::Kind::corrupt,
                 to_string(model) + ": blob " + to_string(digest) + " is not what its digest says",
                 "get the bundle again from where it was written"};
  }
  Result<std::string> read_manifest(const ModelName& model, const Digest& digest) override {
    return read_blob(model, digest, manifest_limit);
  }
  Result<std::optional<Publication>> find(const ModelName& model, const Version& version) override {
    auto all = publications(model);
    if (!all) return all.error();
    for (auto& one : *all)
      if (one.version == version) return std::optional(std::move(one));
    return std::optional<Publication>();
  }
  Result<std::vector<Publication>> publications(const ModelName& model) override {
    const auto found = indexes_.find(model);
    return found == indexes_.end() ? std::vector<Publication>() : found->second.publications();
  }
  Result<std::vector<Descriptor>> referrers(const ModelName& model, const Digest& subject) override {
    const auto found = indexes_.find(model);
    return found == indexes_.end() ? std::vector<Descriptor>() : found->second.referrers(subject);
  }

  Result<std::unique_ptr<BlobWriter>> new_blob(const ModelName&, const BlobHint&) override { return read_only(); }
  Status put_blob(const ModelName&, std::string_view) override { return read_only(); }
  Result<Published> publish(const ModelName&, const Publication&, const PublicationTexts&) override {
    return read_only();
  }
  Status put_referrer(const ModelName&, const Digest&, const Descriptor&, std::string_view) override {
    return read_only();
  }

 private:
  [[nodiscard]] Error read_only() const {
    return {Error::Kind::usage, escape_control(name_) + ": a bundle is written whole, by `mlctl copy`", ""};
  }
  [[nodiscard]] const Extent* find_blob(const ModelName& model, const Digest& digest) const {
    if (indexes_.count(model) == 0) return nullptr;
    const auto found = files_.find("blobs/sha256/" + digest.hex());
    return found == files_.end() ? nullptr : &found->second;
  }

  std::string name_;
  std::shared_ptr<File> file_;
  std::map<std::string, Extent> files_;
  std::map<ModelName, Index> indexes_;
};

}  // namespace

Result<std::unique_ptr<Store>> open_bundle(const fs::path& file) {
  auto opened = std::make_shared<File>(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info{};
  const std::string name = escape_control(file.string());
  if (opened->fd() < 0 && errno == ENOENT) return Error{Error::Kind::not_found, name + ": no such file", ""};
  if (opened->fd() < 0 || ::fstat(opened->fd(), &info) != 0) return system_error(errno, "cannot read", file);
  if (!S_ISREG(info.st_mode)) return Error{Error::Kind::usage, name + ": not a file", ""};
  auto files = TarIndex(*opened, static_cast<std::uint64_t>(info.st_size)).read();
  if (!files)
    return Error{Error::Kind::corrupt, name + ": not a tar, or cut off",
                 "get the bundle again from where it was written"};
  auto bundle = std::make_unique<Bundle>(file.string(), std::move(opened), std::move(*files));
  if (auto loaded = bundle->load(); !loaded) return loaded.error();
  return std::unique_ptr<Store>(std::move(bundle));
}

}  // namespace mlctl::registry
