// A repository and its origin in memory: commits are trees of texts with one parent. What a test does not prepare is
// refused by name. `before_push` and `before_move` run once, to be faster than the code under test, or to kill it.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "registry/git.h"

namespace mlctl::deploy::test {

class FakeGit : public registry::Git {
 public:
  using ObjectId = registry::ObjectId;
  using Tree = std::map<std::string, std::string>;
  struct Commit {
    std::optional<ObjectId> parent;
    Tree tree;
    std::string message;
  };

  std::map<ObjectId, Commit> commits;
  std::map<std::string, ObjectId> branches;               // here
  std::optional<std::map<std::string, ObjectId>> origin;  // there; nullopt: no remote
  std::vector<std::string> checked_out{"main"};
  std::map<std::string, registry::TreeEntry::Kind> kinds;  // of paths that are no plain files
  std::function<void()> before_push, before_move;
  int pushes = 0;

  // A commit on `parent` with these files changed ("" deletes).
  ObjectId commit(const std::optional<ObjectId>& parent, const Tree& changes, const std::string& message = "by hand");
  [[nodiscard]] const Commit& at(const std::string& branch) const { return commits.at(branches.at(branch)); }

  [[nodiscard]] Result<std::vector<registry::TreeEntry>> list_tree(const ObjectId& id,
                                                                   const std::string& folder) const override;
  [[nodiscard]] Result<std::string> read_blob(const ObjectId& id, std::uint64_t limit) const override;
  [[nodiscard]] Result<bool> is_ancestor(const ObjectId& ancestor, const ObjectId& id) const override;
  [[nodiscard]] Result<std::optional<ObjectId>> branch_tip(const std::string& branch) const override;
  [[nodiscard]] Result<std::vector<std::string>> checked_out_branches() const override { return checked_out; }
  [[nodiscard]] Result<std::optional<std::string>> remote_url() const override;
  Result<ObjectId> make_commit(const registry::NewCommit& commit) override;
  Status push(const std::vector<registry::RefUpdate>& updates) override;
  Result<std::optional<ObjectId>> fetch_branch(const std::string& branch) override;
  Status move_branch(const std::string& branch, const std::optional<ObjectId>& expected, const ObjectId& id) override;

  [[nodiscard]] std::filesystem::path root() const override { return "/"; }
  [[nodiscard]] bool is_shallow() const override { return false; }
  [[nodiscard]] registry::GitSignature signature() const override { return {}; }
  [[nodiscard]] Result<ObjectId> head() const override { return unexpected("head"); }
  [[nodiscard]] Result<ObjectId> resolve(const std::string& revision) const override {
    return unexpected("resolve " + revision);
  }
  [[nodiscard]] Result<std::vector<std::string>> dirty(const std::vector<std::string>&) const override {
    return unexpected("dirty");
  }
  [[nodiscard]] Result<bool> ignored(const std::string& path) const override { return unexpected("ignored " + path); }
  [[nodiscard]] Result<std::vector<registry::GitTag>> tags() const override { return unexpected("tags"); }
  [[nodiscard]] Result<registry::CommitInfo> commit_info(const ObjectId& id) const override {
    return unexpected("commit_info " + id);
  }
  Result<ObjectId> make_tag(const std::string& name, const ObjectId&, const std::string&) override {
    return unexpected("make_tag " + name);
  }
  Status create_ref(const std::string& ref, const ObjectId&) override { return unexpected("create_ref " + ref); }
  Status create_tag(const std::string& name, const ObjectId&, const std::string&) override {
    return unexpected("create_tag " + name);
  }
  Status fetch_tags() override { return unexpected("fetch_tags"); }
  Result<registry::TagDifferences> compare_tags() override { return unexpected("compare_tags"); }

 private:
  static Error unexpected(const std::string& call) {
    return {Error::Kind::unavailable, "nobody expected " + call + " of this repository", ""};
  }
  std::map<ObjectId, std::string> blobs_;
  int next_ = 0;
};

}  // namespace mlctl::deploy::test
