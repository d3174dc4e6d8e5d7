// The adapter to libgit2, whose header stays in git_libgit2*.cpp.
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "registry/git.h"

struct git_oid;
struct git_remote;
struct git_repository;

namespace mlctl::registry {

template <typename T, void (*release)(T*)>
struct Release {
  void operator()(T* pointer) const { release(pointer); }
};
// Handle<git_tree, git_tree_free> tree; git_tree_lookup(out(tree), …);
template <typename T, void (*release)(T*)>
using Handle = std::unique_ptr<T, Release<T, release>>;

template <typename H>
class Out {
 public:
  explicit Out(H& handle) : handle_(handle) {}
  ~Out() { handle_.reset(pointer_); }
  Out(const Out&) = delete;
  Out& operator=(const Out&) = delete;
  operator typename H::pointer*() { return &pointer_; }  // NOLINT(google-explicit-constructor)

 private:
  H& handle_;
  typename H::pointer pointer_ = nullptr;
};
template <typename H>
[[nodiscard]] Out<H> out(H& handle) {
  return Out<H>(handle);
}

namespace git {

// The error of the call that just gave `code`.
[[nodiscard]] Error failed(int code, const std::string& what);
[[nodiscard]] Result<git_oid> parse_id(const ObjectId& text);
[[nodiscard]] ObjectId to_text(const git_oid& id);

enum class Decision { write, leave, refuse };
// Compare-and-swap of one ref under its lock (the .lock file that git itself honours): `decide` sees what it is now.
// Error{conflict} when it refuses. (libgit2's own creation of refs looks before it locks.)
[[nodiscard]] Status set_ref(git_repository* repository, const std::string& ref, const git_oid& id,
                             const std::function<Result<Decision>(const git_oid* now)>& decide);

// The folder of a remote that is one; nullopt for everything else. `root`: what a relative path is relative to.
[[nodiscard]] std::optional<std::filesystem::path> folder_of_url(const std::string& url,
                                                                 const std::filesystem::path& root);
// Copies what is missing, then moves the refs by set_ref: tags are created, branches go forward.
[[nodiscard]] Status push_to_folder(git_repository* repository, const std::filesystem::path& folder,
                                    const std::vector<RefUpdate>& updates);

struct FreeRepository {
  void operator()(git_repository* repository) const;
};
using Repository = std::unique_ptr<git_repository, FreeRepository>;
[[nodiscard]] Result<Repository> open_repository(const std::filesystem::path& path, bool search);

// In the worktree and in every linked one; what a rebase will come back to counts.
[[nodiscard]] Result<std::vector<std::string>> checked_out_branches(git_repository* repository);

}  // namespace git

class LibGit : public Git {
 public:
  LibGit(git::Repository repository, Duration patience) : repository_(std::move(repository)), patience_(patience) {}

  [[nodiscard]] std::filesystem::path root() const override;
  [[nodiscard]] Result<ObjectId> head() const override;
  [[nodiscard]] Result<ObjectId> resolve(const std::string& revision) const override;
  [[nodiscard]] bool is_shallow() const override;
  [[nodiscard]] Result<std::vector<std::string>> dirty(const std::vector<std::string>& paths) const override;
  [[nodiscard]] Result<bool> ignored(const std::string& path) const override;
  [[nodiscard]] Result<std::vector<GitTag>> tags() const override;
  [[nodiscard]] Result<CommitInfo> commit_info(const ObjectId& commit) const override;
  [[nodiscard]] Result<bool> is_ancestor(const ObjectId& ancestor, const ObjectId& commit) const override;
  [[nodiscard]] Result<std::vector<TreeEntry>> list_tree(const ObjectId& commit,
                                                         const std::string& folder) const override;
  [[nodiscard]] Result<std::string> read_blob(const ObjectId& id, std::uint64_t limit) const override;
  [[nodiscard]] Result<std::optional<ObjectId>> branch_tip(const std::string& branch) const override;
  [[nodiscard]] Result<std::vector<std::string>> checked_out_branches() const override;
  [[nodiscard]] Result<std::optional<std::string>> remote_url() const override;
  [[nodiscard]] GitSignature signature() const override;
  Result<ObjectId> make_tag(const std::string& name, const ObjectId& commit, const std::string& message) override;
  Status create_ref(const std::string& ref, const ObjectId& id) override;
  Status create_tag(const std::string& name, const ObjectId& commit, const std::string& message) override;
  Result<ObjectId> make_commit(const NewCommit& commit) override;
  Status push(const std::vector<RefUpdate>& updates) override;
  Status fetch_tags() override;
  Result<std::optional<ObjectId>> fetch_branch(const std::string& branch) override;
  Status move_branch(const std::string& branch, const std::optional<ObjectId>& expected, const ObjectId& id) override;
  Result<TagDifferences> compare_tags() override;

 private:
  [[nodiscard]] Status refuse_checked_out(const std::string& branch) const;
  git::Repository repository_;
  Duration patience_;
};

}  // namespace mlctl::registry
