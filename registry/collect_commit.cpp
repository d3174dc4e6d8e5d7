#include <memory>
#include <utility>

#include "base/terminal.h"
#include "registry/collect.h"
#include "registry/git.h"

namespace mlctl::registry {
namespace {

constexpr std::uint64_t blob_limit = 2ULL << 30U;  // git reads a blob into memory: what is larger belongs elsewhere
constexpr std::uint64_t link_limit = 4096;

Result<Candidate> candidate_of(const Git& git, const TreeEntry& entry) {
  Candidate found;
  found.path = entry.path;
  found.size = entry.size;
  switch (entry.kind) {
    case TreeEntry::Kind::submodule:
      found.kind = Candidate::Kind::other;
      return found;
    case TreeEntry::Kind::link: {
      auto target = git.read_blob(entry.id, link_limit);
      if (!target) return target.error();
      found.kind = Candidate::Kind::link;
      found.link = std::move(*target);
      return found;
    }
    case TreeEntry::Kind::executable:
      found.executable = true;
      break;
    case TreeEntry::Kind::file:
      break;
  }
  found.identity = {"git:" + entry.id + ":" + entry.path, "", 0};
  found.open = [&git, id = entry.id, path = entry.path]() -> Result<std::unique_ptr<ByteSource>> {
    auto bytes = git.read_blob(id, blob_limit);
    if (!bytes) return bytes.error().context(escape_control(path));
    return bytes_source(std::move(*bytes));
  };
  return found;
}

}  // namespace

Result<std::vector<ModelFile>> collect_files(const Git& git, const std::string& commit, const std::string& folder,
                                             const FileRules& rules, const std::shared_ptr<DigestCache>& cache) {
  const std::string where = commit.substr(0, 10) + ":" + (folder.empty() ? "." : folder);
  auto entries = git.list_tree(commit, folder);
  if (!entries) return entries.error();
  std::vector<Candidate> found;
  for (const auto& entry : *entries) {
    if (never_packed(entry.path)) continue;
    auto candidate = candidate_of(git, entry);
    if (!candidate) return candidate.error().context(where);
    found.push_back(std::move(*candidate));
  }
  auto files = choose_files(std::move(found), rules, "push the files from where they are: `mlctl push MODEL`", cache);
  if (!files) return files.error().context(where);
  return files;
}

}  // namespace mlctl::registry
