// git, through a seam; git_libgit2*.cpp is the adapter. Nothing here touches the user's index or worktree. A ref is
// created or moved only by compare-and-swap under its lock, here and in a remote that is a folder; other remotes do the
// same by the protocol.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace mlctl::registry {

using ObjectId = std::string;  // 40 hex digits

struct GitSignature {
  std::string name, email;
  WallTime time{};
};
struct GitTag {
  std::string name;  // without refs/tags/
  ObjectId commit;   // that it leads to; "" when it leads to something else
  bool annotated = false;
  std::string message;  // of annotated ones
  GitSignature tagger;
  ObjectId object;  // that the ref names: the annotation, or the commit itself
};
struct CommitInfo {
  ObjectId id;
  std::vector<ObjectId> parents;
  std::string message;
  GitSignature author;
};
struct TreeEntry {
  enum class Kind { file, executable, link, submodule };
  std::string path;  // relative to the folder that was asked for
  Kind kind = Kind::file;
  ObjectId id;
  std::uint64_t size = 0;  // bytes
};
struct RefUpdate {
  ObjectId id;      // of the object here
  std::string ref;  // "refs/tags/…" or "refs/heads/…" there
};
struct NewCommit {
  std::optional<ObjectId> parent;            // the tip that was seen; nullopt: the first of its branch
  std::map<std::string, std::string> files;  // path from the root -> new content
  std::vector<std::string> deletions;
  std::string message;
};

struct TagDifferences {
  std::vector<std::string> missing;   // only at origin
  std::vector<std::string> moved;     // another object there
  std::vector<std::string> unpushed;  // only here
};

struct Git {
  virtual ~Git() = default;
  [[nodiscard]] virtual std::filesystem::path root() const = 0;  // of the worktree; of the repository when bare
  [[nodiscard]] virtual Result<ObjectId> head() const = 0;       // Error{not_found} in an empty repository
  [[nodiscard]] virtual Result<ObjectId> resolve(const std::string& revision) const = 0;  // to a commit
  [[nodiscard]] virtual bool is_shallow() const = 0;
  // Paths below these (relative to root; none: everywhere) that differ from HEAD or are untracked and not ignored.
  [[nodiscard]] virtual Result<std::vector<std::string>> dirty(const std::vector<std::string>& paths) const = 0;
  [[nodiscard]] virtual Result<bool> ignored(const std::string& path) const = 0;  // relative to root
  [[nodiscard]] virtual Result<std::vector<GitTag>> tags() const = 0;             // by name
  [[nodiscard]] virtual Result<CommitInfo> commit_info(const ObjectId& commit) const = 0;
  // True when `ancestor` can be reached from `commit`; a commit is its own ancestor.
  [[nodiscard]] virtual Result<bool> is_ancestor(const ObjectId& ancestor, const ObjectId& commit) const = 0;
  // Everything below `folder` ("" for all), sorted by path. Error{not_found} when the folder is not in the commit.
  [[nodiscard]] virtual Result<std::vector<TreeEntry>> list_tree(const ObjectId& commit,
                                                                 const std::string& folder) const = 0;
  [[nodiscard]] virtual Result<std::string> read_blob(const ObjectId& id, std::uint64_t limit) const = 0;
  [[nodiscard]] virtual Result<std::optional<ObjectId>> branch_tip(const std::string& branch) const = 0;
  // Here and in every linked worktree.
  [[nodiscard]] virtual Result<std::vector<std::string>> checked_out_branches() const = 0;
  [[nodiscard]] virtual Result<std::optional<std::string>> remote_url() const = 0;  // of "origin", credentials removed
  // GIT_COMMITTER_NAME and _EMAIL, else user.name and user.email, else mlctl <mlctl@localhost>.
  [[nodiscard]] virtual GitSignature signature() const = 0;

  // An annotated tag's object, without a ref: nobody sees it yet.
  virtual Result<ObjectId> make_tag(const std::string& name, const ObjectId& commit, const std::string& message) = 0;
  // Creates a ref here. Error{conflict} when it exists with another object.
  virtual Status create_ref(const std::string& ref, const ObjectId& id) = 0;
  // make_tag and create_ref: an annotated tag here.
  virtual Status create_tag(const std::string& name, const ObjectId& commit, const std::string& message) = 0;
  // A commit of these files on `parent`, without moving the branch: nobody sees it before push and move_branch. No
  // change: the parent itself. Error{conflict}: a file of the parent stands where a folder is needed.
  virtual Result<ObjectId> make_commit(const NewCommit& commit) = 0;
  // To origin. Error{conflict} when a tag exists there with another object, or a branch there is not an ancestor.
  virtual Status push(const std::vector<RefUpdate>& updates) = 0;
  // All tags of origin; those that differ here stay as they are.
  virtual Status fetch_tags() = 0;
  // Fetches refs/heads/BRANCH of origin; nullopt when it is not there. The local branch is not moved.
  virtual Result<std::optional<ObjectId>> fetch_branch(const std::string& branch) = 0;
  // Moves a local branch forward to `id` (from `expected`, nullopt: it must not exist). Error{conflict} otherwise.
  virtual Status move_branch(const std::string& branch, const std::optional<ObjectId>& expected,
                             const ObjectId& id) = 0;
  virtual Result<TagDifferences> compare_tags() = 0;  // with origin's
};

// Looks upwards from `path`. Error{not_found}: not in a repository; Error{unavailable}: owned by somebody else (git's
// safe.directory), or unreadable. A remote that says nothing for `patience` is given up: Error{timeout}.
[[nodiscard]] Result<std::unique_ptr<Git>> open_git(const std::filesystem::path& path,
                                                    Duration patience = std::chrono::minutes(1));

// A clone that may lack tags or history gives no answers: Error{usage} with the command that mends it. A clone with no
// tag at all asks origin; when origin cannot be asked, Error{unavailable}.
[[nodiscard]] Status check_history(Git& git);

}  // namespace mlctl::registry
