#include "registry/remote_notes.h"

#include <algorithm>
#include <cstdlib>
#include <fcntl.h>
#include <sstream>
#include <system_error>
#include <unistd.h>

#include "base/filesystem.h"

namespace mlctl::registry {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t notes_limit = 8U << 20U;  // bytes of a file; a fuller one is begun anew
constexpr std::size_t repositories_limit = 3;
constexpr const char* no_pieces_name = "takes-no-pieces";

// One short write to a file that is appended to: lines of several processes stay whole.
void append(const fs::path& path, const std::string& line) {
  std::error_code code;
  if (fs::file_size(path, code) > notes_limit - line.size() && !code) fs::remove(path, code);
  if (auto made = make_folders(path.parent_path()); !made) return;
  const File file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.fd() < 0 || ::write(file.fd(), line.data(), line.size()) < 0) return;
}

std::optional<Digest> digest_in(const std::string& hex) {
  auto digest = parse_digest("sha256:" + hex);
  return digest ? std::optional(*digest) : std::nullopt;
}

std::istringstream lines_of(const fs::path& path) {
  auto text = read_file(path, 2 * notes_limit);
  return std::istringstream(text ? *text : "");
}

}  // namespace

fs::path cache_folder() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache == '/')
    return fs::path(cache) / "mlctl";
  if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/')
    return fs::path(home) / ".cache" / "mlctl";
  return {};
}

RemoteNotes::RemoteNotes(const fs::path& cache, const std::string& host) {
  if (!cache.empty()) folder_ = cache / "registries" / digest_of(host).brief();
}

bool RemoteNotes::takes_no_pieces() const {
  std::error_code code;
  return !folder_.empty() && fs::exists(folder_ / no_pieces_name, code);
}

void RemoteNotes::note_no_pieces() const {
  if (!folder_.empty()) append(folder_ / no_pieces_name, "\n");
}

void RemoteNotes::load() {
  if (loaded_ || folder_.empty()) return;
  loaded_ = true;
  std::string hex, repository;
  for (auto lines = lines_of(folder_ / "blobs"); lines >> hex >> repository;)
    if (const auto digest = digest_in(hex)) {
      auto& known = blobs_[*digest];
      known.erase(std::remove(known.begin(), known.end(), repository), known.end());
      known.insert(known.begin(), repository);
      if (known.size() > repositories_limit) known.pop_back();
    }
  Facts facts;
  for (auto lines = lines_of(folder_ / "manifests"); lines >> hex >> facts.size >> facts.files >> facts.bytes;)
    if (const auto digest = digest_in(hex)) facts_[*digest] = facts;
}

std::vector<std::string> RemoteNotes::repositories_with(const Digest& blob) {
  const std::lock_guard guard(mutex_);
  load();
  const auto found = blobs_.find(blob);
  return found == blobs_.end() ? std::vector<std::string>() : found->second;
}

void RemoteNotes::note_blob(const Digest& blob, const std::string& repository) {
  const std::lock_guard guard(mutex_);
  load();
  if (folder_.empty()) return;
  auto& known = blobs_[blob];
  if (std::find(known.begin(), known.end(), repository) != known.end()) return;
  known.insert(known.begin(), repository);
  append(folder_ / "blobs", blob.hex() + " " + repository + "\n");
}

std::optional<RemoteNotes::Facts> RemoteNotes::facts_of(const Digest& manifest) {
  const std::lock_guard guard(mutex_);
  load();
  const auto found = facts_.find(manifest);
  return found == facts_.end() ? std::nullopt : std::optional(found->second);
}

void RemoteNotes::note_facts(const Digest& manifest, const Facts& facts) {
  const std::lock_guard guard(mutex_);
  load();
  if (folder_.empty() || !facts_.emplace(manifest, facts).second) return;
  append(folder_ / "manifests", manifest.hex() + " " + std::to_string(facts.size) + " " + std::to_string(facts.files) +
                                    " " + std::to_string(facts.bytes) + "\n");
}

}  // namespace mlctl::registry
