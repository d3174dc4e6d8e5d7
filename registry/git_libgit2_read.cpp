// What a repository holds: tags, trees, the state of the worktree.
#include <algorithm>
#include <chrono>
#include <git2.h>
#include <string>
#include <utility>
#include <vector>

#include "base/terminal.h"
#include "registry/git_libgit2.h"

namespace mlctl::registry {
namespace {

using Commit = Handle<git_commit, git_commit_free>;
using Index = Handle<git_index, git_index_free>;
using Object = Handle<git_object, git_object_free>;
using Odb = Handle<git_odb, git_odb_free>;
using StatusList = Handle<git_status_list, git_status_list_free>;
using Tree = Handle<git_tree, git_tree_free>;
using TreeEntryHandle = Handle<git_tree_entry, git_tree_entry_free>;
using Blob = Handle<git_blob, git_blob_free>;

constexpr std::string_view tags_prefix = "refs/tags/";

struct FoundTag {
  std::string name;
  git_oid id;
};

Result<GitTag> read_tag(git_repository* repository, const FoundTag& found) {
  GitTag tag;
  tag.name = found.name;
  tag.object = git::to_text(found.id);
  Object object, target;
  if (const int code = git_object_lookup(out(object), repository, &found.id, GIT_OBJECT_ANY); code != 0)
    return git::failed(code, "cannot read tag " + escape_control(found.name));
  if (git_object_peel(out(target), object.get(), GIT_OBJECT_COMMIT) == 0)
    tag.commit = git::to_text(*git_object_id(target.get()));
  if (git_object_type(object.get()) != GIT_OBJECT_TAG) return tag;
  const auto* annotation = reinterpret_cast<const git_tag*>(object.get());
  tag.annotated = true;
  if (const char* message = git_tag_message(annotation)) tag.message = message;
  if (const git_signature* tagger = git_tag_tagger(annotation))
    tag.tagger = {tagger->name, tagger->email, WallTime(std::chrono::seconds(tagger->when.time))};
  return tag;
}

std::optional<TreeEntry::Kind> kind_of(git_filemode_t mode) {
  switch (mode) {
    case GIT_FILEMODE_BLOB:
      return TreeEntry::Kind::file;
    case GIT_FILEMODE_BLOB_EXECUTABLE:
      return TreeEntry::Kind::executable;
    case GIT_FILEMODE_LINK:
      return TreeEntry::Kind::link;
    case GIT_FILEMODE_COMMIT:
      return TreeEntry::Kind::submodule;
    default:
      return std::nullopt;
  }
}

struct Walk {
  git_odb* odb;
  std::vector<TreeEntry> entries;
};

int add_entry(const char* root, const git_tree_entry* entry, void* payload) {
  auto& walk = *static_cast<Walk*>(payload);
  const auto kind = kind_of(git_tree_entry_filemode(entry));
  if (!kind) return 0;
  TreeEntry found{std::string(root) + git_tree_entry_name(entry), *kind, git::to_text(*git_tree_entry_id(entry)), 0};
  if (*kind != TreeEntry::Kind::submodule) {
    std::size_t size = 0;
    git_object_t type = GIT_OBJECT_BLOB;
    if (const int code = git_odb_read_header(&size, &type, walk.odb, git_tree_entry_id(entry)); code != 0) return code;
    found.size = size;
  }
  walk.entries.push_back(std::move(found));
  return 0;
}

}  // namespace

Result<std::vector<GitTag>> LibGit::tags() const {
  std::vector<FoundTag> found;
  const auto collect = [](const char* name, git_oid* id, void* payload) {
    static_cast<std::vector<FoundTag>*>(payload)->push_back({std::string(name).substr(tags_prefix.size()), *id});
    return 0;
  };
  if (const int code = git_tag_foreach(repository_.get(), collect, &found); code != 0)
    return git::failed(code, "cannot list tags");
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  std::vector<GitTag> all;
  for (const auto& one : found) {
    auto tag = read_tag(repository_.get(), one);
    if (!tag) return tag.error();
    all.push_back(std::move(*tag));
  }
  return all;
}

Result<std::vector<TreeEntry>> LibGit::list_tree(const ObjectId& commit, const std::string& folder) const {
  auto id = git::parse_id(commit);
  if (!id) return id.error();
  const std::string what = "cannot read the files of commit " + commit.substr(0, 10);
  Commit found;
  Tree tree;
  Odb odb;
  int code = git_commit_lookup(out(found), repository_.get(), &*id);
  if (code == 0) code = git_commit_tree(out(tree), found.get());
  if (code == 0) code = git_repository_odb(out(odb), repository_.get());
  if (code != 0) return git::failed(code, what);
  if (!folder.empty() && folder != ".") {
    TreeEntryHandle entry;
    code = git_tree_entry_bypath(out(entry), tree.get(), folder.c_str());
    if (code == GIT_ENOTFOUND || (code == 0 && git_tree_entry_type(entry.get()) != GIT_OBJECT_TREE))
      return Error{Error::Kind::not_found,
                   "commit " + commit.substr(0, 10) + " has no folder " + escape_control(folder), ""};
    Tree below;
    if (code == 0) code = git_tree_lookup(out(below), repository_.get(), git_tree_entry_id(entry.get()));
    if (code != 0) return git::failed(code, what);
    tree = std::move(below);
  }
  Walk walk{odb.get(), {}};
  code = git_tree_walk(tree.get(), GIT_TREEWALK_PRE, add_entry, &walk);
  if (code != 0) return git::failed(code, what);
  std::sort(walk.entries.begin(), walk.entries.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return walk.entries;
}

Result<std::string> LibGit::read_blob(const ObjectId& id, std::uint64_t limit) const {
  auto parsed = git::parse_id(id);
  if (!parsed) return parsed.error();
  const std::string what = "cannot read blob " + id.substr(0, 10);
  Odb odb;
  std::size_t size = 0;
  git_object_t type = GIT_OBJECT_ANY;
  int code = git_repository_odb(out(odb), repository_.get());
  if (code == 0) code = git_odb_read_header(&size, &type, odb.get(), &*parsed);
  if (code == 0 && size > limit)
    return Error{Error::Kind::usage, "file in git is larger than " + human_bytes(limit), ""};
  Blob blob;
  if (code == 0) code = git_blob_lookup(out(blob), repository_.get(), &*parsed);
  if (code != 0) return git::failed(code, what);
  const auto* bytes = static_cast<const char*>(git_blob_rawcontent(blob.get()));
  return std::string(bytes, static_cast<std::size_t>(git_blob_rawsize(blob.get())));
}

Result<std::vector<std::string>> LibGit::dirty(const std::vector<std::string>& paths) const {
  git_status_options options;
  git_status_options_init(&options, GIT_STATUS_OPTIONS_VERSION);
  options.show = GIT_STATUS_SHOW_INDEX_AND_WORKDIR;
  options.flags =
      GIT_STATUS_OPT_INCLUDE_UNTRACKED | GIT_STATUS_OPT_RECURSE_UNTRACKED_DIRS | GIT_STATUS_OPT_DISABLE_PATHSPEC_MATCH;
  std::vector<std::string> copies(paths);
  std::vector<char*> pointers;
  for (auto& path : copies)
    if (!path.empty() && path != ".") pointers.push_back(path.data());
  if (pointers.size() == copies.size()) options.pathspec = {pointers.data(), pointers.size()};
  StatusList list;
  if (const int code = git_status_list_new(out(list), repository_.get(), &options); code != 0)
    return git::failed(code, "cannot compare the worktree with its commit");
  std::vector<std::string> found;
  for (std::size_t i = 0; i < git_status_list_entrycount(list.get()); ++i) {
    const auto* entry = git_status_byindex(list.get(), i);
    const auto* delta = entry->index_to_workdir != nullptr ? entry->index_to_workdir : entry->head_to_index;
    if (delta == nullptr || entry->status == GIT_STATUS_IGNORED) continue;
    found.emplace_back(delta->new_file.path != nullptr ? delta->new_file.path : delta->old_file.path);
  }
  return found;
}

Result<bool> LibGit::ignored(const std::string& path) const {
  if (git_repository_is_bare(repository_.get()) == 1) return false;
  // What is tracked is not ignored, whatever the patterns say.
  Index index;
  if (const int code = git_repository_index(out(index), repository_.get()); code != 0)
    return git::failed(code, "cannot read git's index");
  const bool folder = !path.empty() && path.back() == '/';
  if (folder ? git_index_find_prefix(nullptr, index.get(), path.c_str()) == 0
             : git_index_get_bypath(index.get(), path.c_str(), 0) != nullptr)
    return false;
  int answer = 0;
  if (const int code = git_ignore_path_is_ignored(&answer, repository_.get(), path.c_str()); code != 0)
    return git::failed(code, "cannot tell whether git ignores " + escape_control(path));
  return answer == 1;
}

}  // namespace mlctl::registry
