#include "registry/dry_run.h"

namespace mlctl::registry {
namespace {

// The id of an object that was not written.
ObjectId nothing() {
  return ObjectId(40, '0');
}

class DryGit : public Git {
 public:
  explicit DryGit(Git& git) : git_(git) {}

  [[nodiscard]] std::filesystem::path root() const override { return git_.root(); }
  [[nodiscard]] Result<ObjectId> head() const override { return git_.head(); }
  [[nodiscard]] Result<ObjectId> resolve(const std::string& revision) const override { return git_.resolve(revision); }
  [[nodiscard]] bool is_shallow() const override { return git_.is_shallow(); }
  [[nodiscard]] Result<std::vector<std::string>> dirty(const std::vector<std::string>& paths) const override {
    return git_.dirty(paths);
  }
  [[nodiscard]] Result<bool> ignored(const std::string& path) const override { return git_.ignored(path); }
  [[nodiscard]] Result<std::vector<GitTag>> tags() const override { return git_.tags(); }
  [[nodiscard]] Result<CommitInfo> commit_info(const ObjectId& commit) const override {
    return git_.commit_info(commit);
  }
  [[nodiscard]] Result<bool> is_ancestor(const ObjectId& ancestor, const ObjectId& commit) const override {
    return git_.is_ancestor(ancestor, commit);
  }
  [[nodiscard]] Result<std::vector<TreeEntry>> list_tree(const ObjectId& commit,
                                                         const std::string& folder) const override {
    return git_.list_tree(commit, folder);
  }
  [[nodiscard]] Result<std::string> read_blob(const ObjectId& id, std::uint64_t limit) const override {
    return git_.read_blob(id, limit);
  }
  [[nodiscard]] Result<std::optional<ObjectId>> branch_tip(const std::string& branch) const override {
    return git_.branch_tip(branch);
  }
  [[nodiscard]] Result<std::vector<std::string>> checked_out_branches() const override {
    return git_.checked_out_branches();
  }
  [[nodiscard]] Result<std::optional<std::string>> remote_url() const override { return git_.remote_url(); }
  [[nodiscard]] GitSignature signature() const override { return git_.signature(); }

  Result<ObjectId> make_tag(const std::string&, const ObjectId&, const std::string&) override { return nothing(); }
  Status create_ref(const std::string&, const ObjectId&) override { return ok(); }
  Status create_tag(const std::string&, const ObjectId&, const std::string&) override { return ok(); }
  Result<ObjectId> make_commit(const NewCommit& commit) override { return commit.parent.value_or(nothing()); }
  Status push(const std::vector<RefUpdate>&) override { return ok(); }
  Status fetch_tags() override { return ok(); }
  Result<std::optional<ObjectId>> fetch_branch(const std::string& branch) override { return git_.branch_tip(branch); }
  Status move_branch(const std::string&, const std::optional<ObjectId>&, const ObjectId&) override { return ok(); }
  Result<TagDifferences> compare_tags() override { return git_.compare_tags(); }

 private:
  Git& git_;
};

}  // namespace

std::unique_ptr<Git> dry_run(Git& git) {
  return std::make_unique<DryGit>(git);
}

}  // namespace mlctl::registry
