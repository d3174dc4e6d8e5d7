#include "registry/digest_cache.h"

#include <charconv>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "base/filesystem.h"

namespace mlctl::registry {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t cache_limit = 64U << 20U;  // bytes of one file
constexpr std::size_t kept_files = 20'000;         // that this run did not ask for
constexpr std::size_t kept_layers = 2'000;
constexpr std::int64_t settling = 2'000'000'000;  // nanoseconds; the coarsest file times that are about
// Another mlctl may tell formats apart in another way.
constexpr std::string_view mark = "mlctl-digests 2 " MLCTL_VERSION " ";

// The part before the next space, taken off `rest`.
std::string_view word(std::string_view& rest) {
  const auto end = std::min(rest.find(' '), rest.size());
  const auto part = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return part;
}

std::optional<Digest> digest_at(std::string_view hex) {
  auto digest = parse_digest("sha256:" + std::string(hex));
  return digest ? std::optional(*digest) : std::nullopt;
}

std::optional<std::uint64_t> number_at(std::string_view text) {
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
  return whole ? std::optional(value) : std::nullopt;
}

std::optional<Format> format_at(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(Format::unknown); ++i)
    if (name == to_string(static_cast<Format>(i))) return static_cast<Format>(i);
  return std::nullopt;
}

std::optional<fs::path> cache_folder() {
  const auto absolute = [](const char* name) -> std::optional<fs::path> {
    const char* value = std::getenv(name);
    return value != nullptr && *value == '/' ? std::optional<fs::path>(value) : std::nullopt;
  };
  if (const auto cache = absolute("XDG_CACHE_HOME")) return *cache / "mlctl" / "digests";
  if (const auto home = absolute("HOME")) return *home / ".cache" / "mlctl" / "digests";
  return std::nullopt;
}

}  // namespace

DigestCache::DigestCache(fs::path folder, std::string about, Clock& clock)
    : path_(std::move(folder)), about_(std::move(about)), clock_(clock) {
  path_ /= digest_of(about_).hex().substr(0, 32);
  load();
}

DigestCache::~DigestCache() {
  if (!changed_) return;
  std::error_code code;
  fs::create_directories(path_.parent_path(), code);
  if (!code) (void)write_file(path_, text(), 0600);
}

// A line of the file: "f FORMAT DIGEST|- STAMP… \t KEY" or "l KEY DIGEST CONTENT SIZE".
bool DigestCache::take_line(std::string_view line) {
  const auto kind = word(line);
  if (kind == "l") {
    const auto key = digest_at(word(line));
    const auto digest = digest_at(word(line));
    const auto content = digest_at(word(line));
    const auto size = number_at(line);
    if (!key || !digest || !content || !size) return false;
    layers_[*key] = {{*digest, *size, *content}, false};
    return true;
  }
  if (kind != "f") return false;
  Entry entry;
  const auto format = format_at(word(line));
  const auto hex = word(line);
  const auto tab = line.find('\t');
  if (!format || tab == std::string_view::npos) return false;
  entry.format = *format;
  if (hex != "-") entry.digest = digest_at(hex);
  if (hex != "-" && !entry.digest) return false;
  entry.stamp = line.substr(0, tab);
  files_.insert_or_assign(std::string(line.substr(tab + 1)), std::move(entry));
  return true;
}

void DigestCache::load() {
  const auto text = read_file(path_, cache_limit);
  if (!text) return;
  const auto end = text->rfind('\n', text->size() < 2 ? 0 : text->size() - 2);
  if (end == std::string::npos) return;
  const auto sum = digest_at(std::string_view(*text).substr(end + 1, 64));
  std::string_view body(text->data(), end + 1);
  if (!sum || *sum != digest_of(body)) return;
  const std::string head = std::string(mark) + about_ + "\n";
  bool good = body.compare(0, head.size(), head) == 0;
  if (good) body.remove_prefix(head.size());
  while (good && !body.empty()) {
    const auto line_end = body.find('\n');
    good = line_end != std::string_view::npos && take_line(body.substr(0, line_end));
    body.remove_prefix(good ? line_end + 1 : 0);
  }
  if (good) return;
  files_.clear();
  layers_.clear();
}

std::string DigestCache::text() const {
  std::string text = std::string(mark) + about_ + "\n";
  std::size_t old = 0;
  for (const auto& [key, entry] : files_) {
    if (!entry.used && ++old > kept_files) continue;
    text += "f " + std::string(to_string(entry.format)) + " " + (entry.digest ? entry.digest->hex() : "-") + " " +
            entry.stamp + "\t" + key + "\n";
  }
  old = 0;
  for (const auto& [key, entry] : layers_) {
    if (!entry.used && ++old > kept_layers) continue;
    text += "l " + key.hex() + " " + entry.layer.digest.hex() + " " + entry.layer.content.hex() + " " +
            std::to_string(entry.layer.size) + "\n";
  }
  return text + digest_of(text).hex() + "\n";
}

DigestCache::Entry* DigestCache::find(const FileIdentity& file) {
  const auto found = files_.find(file.key);
  if (found == files_.end() || found->second.stamp != file.stamp) return nullptr;
  found->second.used = true;
  return &found->second;
}

bool DigestCache::settled(const FileIdentity& file) const {
  const std::int64_t now = clock_.wall().time_since_epoch().count() * 1'000'000'000;
  // A name with a line's end in it would be two lines.
  return !file.key.empty() && file.changed <= now - settling && file.key.find('\n') == std::string::npos;
}

std::optional<Format> DigestCache::format(const FileIdentity& file) {
  const std::lock_guard guard(mutex_);
  const auto* entry = find(file);
  return entry == nullptr ? std::nullopt : std::optional(entry->format);
}

std::optional<Digest> DigestCache::digest(const FileIdentity& file) {
  const std::lock_guard guard(mutex_);
  const auto* entry = find(file);
  return entry == nullptr ? std::nullopt : entry->digest;
}

void DigestCache::remember(const FileIdentity& file, Format format) {
  const std::lock_guard guard(mutex_);
  if (!settled(file)) return;
  files_.insert_or_assign(file.key, Entry{file.stamp, format, std::nullopt, true});
  changed_ = true;
}

void DigestCache::remember(const FileIdentity& file, const Digest& digest) {
  const std::lock_guard guard(mutex_);
  if (!settled(file)) return;
  auto* entry = find(file);
  if (entry == nullptr) return;
  entry->digest = digest;
  changed_ = true;
}

std::optional<DigestCache::Layer> DigestCache::layer(const Digest& key) {
  const std::lock_guard guard(mutex_);
  const auto found = layers_.find(key);
  if (found == layers_.end()) return std::nullopt;
  found->second.used = true;
  return found->second.layer;
}

void DigestCache::remember_layer(const Digest& key, const Layer& layer) {
  const std::lock_guard guard(mutex_);
  layers_[key] = {layer, true};
  changed_ = true;
}

std::shared_ptr<DigestCache> open_digest_cache(const fs::path& about) {
  const auto folder = cache_folder();
  std::error_code code;
  const auto canonical = fs::weakly_canonical(about, code);
  // What is written as one line must be one.
  if (!folder || code || canonical.string().find('\n') != std::string::npos) return nullptr;
  return std::make_shared<DigestCache>(*folder, canonical.string());
}

}  // namespace mlctl::registry
