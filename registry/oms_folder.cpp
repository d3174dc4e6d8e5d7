// A folder on disk against a signed list of its files.
#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <map>
#include <optional>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "base/filesystem.h"
#include "base/interrupt.h"
#include "registry/oms.h"
#include "registry/pump.h"

namespace mlctl::registry {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t problems_shown = 100;
constexpr std::size_t entries_limit = 2'000'000;

using Place = std::pair<std::uint64_t, std::uint64_t>;  // start and end of a shard; zeros: the whole file
using Pieces = std::map<Place, Digest>;

struct Check {
  fs::path folder;
  fs::path signature_file;  // canonical; may be empty
  OmsStatement statement;
  std::map<std::string, Pieces> expected;  // by path; what was seen is taken out
  FolderReport report;
  std::size_t entries = 0;
  Progress& progress;

  void problem(const std::string& path, const char* what) {
    if (report.problems.size() < problems_shown)
      report.problems.push_back(path + ": " + what);
    else if (report.problems.size() == problems_shown)
      report.problems.emplace_back("… and more");
  }
};

// Signed paths that are left out: themselves and all below.
bool ignored(const Check& check, const std::string& path) {
  return std::ranges::any_of(check.statement.ignored, [&](std::string one) {
    while (one.rfind("./", 0) == 0) one.erase(0, 2);
    while (!one.empty() && one.back() == '/') one.pop_back();
    return !one.empty() && path.rfind(one, 0) == 0 && (path.size() == one.size() || path[one.size()] == '/');
  });
}

// Hashes the next `limit` bytes, or to the end, which comes after `size` unless the file changes meanwhile.
Result<Digest> hash_piece(int fd, const fs::path& path, std::uint64_t limit, std::uint64_t size,
                          std::uint64_t& read_bytes) {
  Sha256 hash;
  std::uint64_t left = limit;
  const Next next = [&](char* into, std::size_t room) -> Result<std::size_t> {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(room, left));
    if (wanted == 0) return std::size_t{0};
    ssize_t got = -1;
    do got = ::read(fd, into, wanted);
    while (got < 0 && errno == EINTR);
    if (got < 0) return system_error(errno, "cannot read", path);
    left -= static_cast<std::uint64_t>(got);
    return static_cast<std::size_t>(got);
  };
  const Sink take = [&](std::string_view bytes) {
    hash.update(bytes);
    read_bytes += bytes.size();
    return ok();
  };
  if (auto done = pump(next, {take}, size); !done) return done.error();
  return hash.finish();
}

Status check_file(Check& check, const std::string& path) {
  const auto full = check.folder / path;
  const File file(::open(full.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status{};
  if (file.fd() < 0 || ::fstat(file.fd(), &status) != 0) return system_error(errno, "cannot read", full);
  if (!S_ISREG(status.st_mode)) {
    check.problem(path, "neither a file nor a folder");
    return ok();
  }
  const auto size = static_cast<std::uint64_t>(status.st_size);
  const auto shard = check.statement.shard_size;
  const auto found = check.expected.find(path);
  if (found == check.expected.end()) {
    if (shard == 0 || size > 0) check.problem(path, "is not signed");  // an empty file has no shards
    return ok();
  }
  check.progress.update(path);
  Pieces pieces;
  std::uint64_t start = 0;
  do {
    const auto length = shard == 0 ? size : std::min(shard, size - start);
    auto digest = hash_piece(file.fd(), full, shard == 0 ? UINT64_MAX : length, length, check.report.bytes);
    if (!digest) return digest.error();
    pieces.emplace(shard == 0 ? Place{0, 0} : Place{start, start + length}, *digest);
    start += length;
  } while (shard != 0 && start < size && pieces.size() <= found->second.size());
  ++check.report.files;
  if (pieces != found->second) check.problem(path, "is not what was signed");
  check.expected.erase(found);
  return ok();
}

bool is_signature(const Check& check, const fs::path& path) {
  std::error_code failed;
  return !check.signature_file.empty() && fs::equivalent(path, check.signature_file, failed) && !failed;
}

Status check_entry(Check& check, const fs::directory_entry& entry, std::vector<std::string>& folders) {
  const auto path = entry.path().lexically_relative(check.folder).generic_string();
  if (ignored(check, path) || is_signature(check, entry.path())) return ok();
  std::error_code failed;
  const bool link = entry.is_symlink(failed);
  if (link && !check.statement.links) {
    check.problem(path, "is a link, and the signature allows none");
    return ok();
  }
  const auto type = entry.status(failed).type();
  if (type == fs::file_type::directory) {
    if (!link) folders.push_back(path);
    return ok();
  }
  if (type == fs::file_type::not_found) {
    check.problem(path, "is a link that leads nowhere");
    return ok();
  }
  if (type != fs::file_type::regular) {
    check.problem(path, "neither a file nor a folder");
    return ok();
  }
  return check_file(check, path);
}

Status walk(Check& check) {
  std::vector<std::string> folders{""};
  while (!folders.empty()) {
    const auto path = check.folder / folders.back();
    folders.pop_back();
    std::error_code failed;
    std::vector<fs::directory_entry> entries;
    for (fs::directory_iterator at(path, failed), end; !failed && at != end; at.increment(failed)) {
      if (interrupted()) return interrupted_error();
      if (++check.entries > entries_limit)
        return Error{Error::Kind::usage, check.folder.string() + ": more than 2,000,000 files", ""};
      entries.push_back(*at);
    }
    if (failed) return system_error(failed.value(), "cannot read", path);
    std::ranges::sort(entries);
    for (const auto& entry : entries)
      if (auto checked = check_entry(check, entry, folders); !checked) return checked;
  }
  return ok();
}

}  // namespace

Result<FolderReport> verify_folder(const fs::path& folder, std::string_view bundle, const Trust& trust, WallTime now,
                                   const fs::path& signature_file, Progress& progress) {
  auto opened = open_bundle(bundle, trust, now);
  if (!opened) return opened.error();
  auto statement = parse_oms(opened->statement);
  if (!statement) return statement.error();
  FolderReport report;
  report.signature = std::move(opened->state);
  if (report.signature.trusted != Trusted::valid) return report;
  std::error_code failed;
  if (!fs::is_directory(folder, failed)) return Error{Error::Kind::not_found, folder.string() + ": no such folder", ""};
  Check check{folder, signature_file, std::move(*statement), {}, std::move(report), 0, progress};
  for (auto& one : check.statement.resources) check.expected[one.path].emplace(Place{one.start, one.end}, one.digest);
  progress.step("verify " + folder.string());
  if (auto walked = walk(check); !walked) {
    progress.finish(Symbol::fail, "could not be read");
    return walked.error();
  }
  for (const auto& [path, pieces] : check.expected) check.problem(path, "is missing");
  const bool whole = check.report.problems.empty();
  progress.finish(whole ? Symbol::pass : Symbol::fail, whole ? "as signed" : "not as signed");
  return std::move(check.report);
}

}  // namespace mlctl::registry
