#include "registry/collect.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/terminal.h"
#include "registry/digest_cache.h"
#include "registry/paths.h"

namespace mlctl::registry {
namespace {

constexpr std::string_view lfs_mark = "version https://git-lfs.github.com/spec/v1";

class BytesSource : public ByteSource {
 public:
  explicit BytesSource(std::string bytes) : bytes_(std::move(bytes)) {}
  Result<std::size_t> read(char* into, std::size_t size) override {
    const std::size_t count = std::min(size, bytes_.size() - at_);
    std::memcpy(into, bytes_.data() + at_, count);
    at_ += count;
    return count;
  }

 private:
  std::string bytes_;
  std::size_t at_ = 0;
};

Result<std::string> read_beginning(ByteSource& source) {
  std::string bytes(detect_bytes, '\0');
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    auto got = source.read(bytes.data() + filled, bytes.size() - filled);
    if (!got) return got.error();
    if (*got == 0) break;
    filled += *got;
  }
  bytes.resize(filled);
  return bytes;
}

std::string trimmed(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  if (path.rfind("./", 0) == 0) path.erase(0, 2);
  return path;
}

bool chosen_by(const std::string& pattern, const std::string& path) {
  if (pattern == ".") return true;
  if (path.size() > pattern.size() && path.compare(0, pattern.size(), pattern) == 0 && path[pattern.size()] == '/')
    return true;
  return path == pattern || matches_pattern(pattern, path);
}

std::string at(const Position& position) {
  return position.file ? to_string(position) + ": " : std::string();
}

struct Chosen {
  const Candidate* candidate;
  std::optional<Role> role;
};

bool is_excluded(const std::string& path, const FileRules& rules) {
  return std::any_of(rules.excluded.begin(), rules.excluded.end(),
                     [&](const std::string& data) { return chosen_by(trimmed(data), path); });
}

Result<std::vector<Chosen>> select(const std::vector<Candidate>& candidates, const FileRules& rules,
                                   const std::string& hint) {
  std::vector<Chosen> chosen;
  std::vector<bool> used(rules.patterns.size(), false);
  for (const auto& candidate : candidates) {
    const bool excluded = is_excluded(candidate.path, rules);
    std::optional<Role> role;
    bool taken = rules.patterns.empty();
    for (std::size_t i = 0; i < rules.patterns.size(); ++i) {
      const auto& pattern = rules.patterns[i];
      if (!chosen_by(trimmed(pattern.path), candidate.path)) continue;
      if (excluded && trimmed(pattern.path) == candidate.path)
        return Error{Error::Kind::usage,
                     at(pattern.position) + candidate.path + " is the gate's data, which is never packed",
                     "take it out of `files:`"};
      used[i] = true;
      taken = true;
      if (!role) role = pattern.role;
    }
    if (taken && !excluded) chosen.push_back({&candidate, role});
  }
  for (std::size_t i = 0; i < used.size(); ++i)
    if (!used[i])
      return Error{Error::Kind::usage,
                   at(rules.patterns[i].position) + "no such file: " + escape_control(rules.patterns[i].path), hint};
  return chosen;
}

Result<ModelFile> to_file(const Chosen& chosen, const std::string& hint, const std::shared_ptr<DigestCache>& cache) {
  const Candidate& from = *chosen.candidate;
  if (from.kind == Candidate::Kind::other)
    return Error{Error::Kind::usage, escape_control(from.path) + ": neither a file nor a link",
                 "name the model's files under `files:` in model.yaml"};
  ModelFile file{from.path, Role::doc, Format::unknown, from.size, from.executable,
                 from.link, from.open, from.identity,   cache};
  if (from.kind == Candidate::Kind::link) {
    file.size = 0;
    return file;
  }
  if (const auto known = cache ? cache->format(from.identity) : std::nullopt) {
    file.format = *known;
    file.role = chosen.role.value_or(role_of(file.format));
    return file;
  }
  auto source = from.open();
  if (!source) return source.error();
  auto beginning = read_beginning(**source);
  if (!beginning) return beginning.error();
  if (beginning->compare(0, lfs_mark.size(), lfs_mark) == 0)
    return Error{Error::Kind::usage, from.path + ": a pointer of Git LFS, not the file itself", hint};
  file.format = detect_format(from.path, *beginning);
  file.role = chosen.role.value_or(role_of(file.format));
  if (cache) cache->remember(from.identity, file.format);
  return file;
}

}  // namespace

std::unique_ptr<ByteSource> bytes_source(std::string bytes) {
  return std::make_unique<BytesSource>(std::move(bytes));
}

Result<std::string> read_all(ByteSource& source, std::uint64_t limit) {
  std::string bytes;
  std::string buffer(64U << 10U, '\0');
  for (;;) {
    auto got = source.read(buffer.data(), buffer.size());
    if (!got) return got.error();
    if (*got == 0) return bytes;
    if (bytes.size() + *got > limit) return Error{Error::Kind::usage, "larger than " + human_bytes(limit), ""};
    bytes.append(buffer, 0, *got);
  }
}

bool never_packed(std::string_view path) {
  if (path == "model.yaml" || path == "mlctl.yaml") return true;
  for (auto rest = path; !rest.empty();) {
    const auto end = rest.find('/');
    const auto part = rest.substr(0, end);
    if (part == ".git" || part == ".mlctl" || part.rfind(".mlctl-", 0) == 0) return true;
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return false;
}

Result<std::vector<ModelFile>> choose_files(std::vector<Candidate> candidates, const FileRules& rules,
                                            const std::string& hint, const std::shared_ptr<DigestCache>& cache) {
  std::sort(candidates.begin(), candidates.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  auto chosen = select(candidates, rules, hint);
  if (!chosen) return chosen.error();
  if (chosen->empty()) return Error{Error::Kind::usage, "no files: the model's folder holds nothing to pack", hint};
  std::vector<TreePath> tree;
  tree.reserve(chosen->size());
  for (const auto& one : *chosen) tree.push_back({one.candidate->path, one.candidate->link});
  if (auto legal = check_tree(tree); !legal) return legal.error();
  std::vector<ModelFile> files;
  files.reserve(chosen->size());
  for (const auto& one : *chosen) {
    auto file = to_file(one, hint, cache);
    if (!file) return file.error();
    files.push_back(std::move(*file));
  }
  return files;
}

}  // namespace mlctl::registry
