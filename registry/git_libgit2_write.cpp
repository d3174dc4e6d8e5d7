// Objects and refs of this repository; never its index, never its worktree.
#include <chrono>
#include <git2.h>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/terminal.h"
#include "registry/files.h"
#include "registry/git_libgit2.h"

namespace mlctl::registry {
namespace {

using Commit = Handle<git_commit, git_commit_free>;
using Object = Handle<git_object, git_object_free>;
using Signature = Handle<git_signature, git_signature_free>;
using Transaction = Handle<git_transaction, git_transaction_free>;
using Tree = Handle<git_tree, git_tree_free>;
using TreeBuilder = Handle<git_treebuilder, git_treebuilder_free>;
using Entry = Handle<git_tree_entry, git_tree_entry_free>;

constexpr int lock_tries = 250;
constexpr auto lock_pause = std::chrono::milliseconds(20);

Result<git::Decision> decide_now(git_repository* repository, const std::string& ref,
                                 const std::function<Result<git::Decision>(const git_oid*)>& decide) {
  git_oid now;
  const int code = git_reference_name_to_id(&now, repository, ref.c_str());
  if (code != 0 && code != GIT_ENOTFOUND) return git::failed(code, "cannot read " + escape_control(ref));
  return decide(code == 0 ? &now : nullptr);
}

git_oid empty_tree(git_repository* repository, int& code) {
  TreeBuilder builder;
  git_oid id{};
  code = git_treebuilder_new(out(builder), repository, nullptr);
  if (code == 0) code = git_treebuilder_write(&id, builder.get());
  return id;
}

// Every folder above `path` is one or absent, and `path` itself is no folder. `known` are folders that were asked
// about.
Status check_place(git_tree* base, const std::string& path, std::set<std::string>& known) {
  for (auto slash = path.find('/');; slash = path.find('/', slash + 1)) {
    const bool last = slash == std::string::npos;
    const auto place = path.substr(0, slash);
    if (!last && !known.insert(place).second) continue;
    Entry entry;
    const bool there = git_tree_entry_bypath(out(entry), base, place.c_str()) == 0;
    if (there && (git_tree_entry_type(entry.get()) == GIT_OBJECT_TREE) == last)
      return Error{Error::Kind::conflict,
                   escape_control(place) + " is " + (last ? "a folder" : "not a folder") + " on the branch",
                   "move it away there, or choose another path"};
    if (last) return ok();
  }
}

// The tree with the commit's changes in it.
Result<git_oid> changed_tree(git_repository* repository, git_tree* base, const NewCommit& commit) {
  std::vector<git_tree_update> updates;
  std::set<std::string> known;
  for (const auto& [path, bytes] : commit.files) {
    if (auto legal = check_path(path); !legal) return legal.error();
    if (auto free = check_place(base, path, known); !free) return free.error();
    git_tree_update update{GIT_TREE_UPDATE_UPSERT, {}, GIT_FILEMODE_BLOB, path.c_str()};
    if (const int code = git_blob_create_from_buffer(&update.id, repository, bytes.data(), bytes.size()); code != 0)
      return git::failed(code, "cannot write " + escape_control(path) + " to git");
    updates.push_back(update);
  }
  for (const auto& path : commit.deletions) {
    if (auto legal = check_path(path); !legal) return legal.error();
    Entry entry;
    if (git_tree_entry_bypath(out(entry), base, path.c_str()) == 0)
      updates.push_back({GIT_TREE_UPDATE_REMOVE, {}, GIT_FILEMODE_UNREADABLE, path.c_str()});
  }
  git_oid id = *git_tree_id(base);
  if (updates.empty()) return id;
  if (const int code = git_tree_create_updated(&id, repository, base, updates.size(), updates.data()); code != 0)
    return git::failed(code, "cannot write the new files to git");
  return id;
}

Result<Signature> make_signature(const GitSignature& who) {
  Signature made;
  if (const int code = git_signature_now(out(made), who.name.c_str(), who.email.c_str()); code != 0)
    return git::failed(code, "not a signature for git: user.name and user.email");
  return made;
}

Error moved(const std::string& what) {
  return {Error::Kind::conflict, what + " is not where it was: somebody else was faster", "run the command again"};
}

std::function<Result<git::Decision>(const git_oid*)> from(const std::optional<git_oid>& expected, const git_oid& id) {
  return [expected, id](const git_oid* now) -> Result<git::Decision> {
    if (now != nullptr && git_oid_equal(now, &id) != 0) return git::Decision::leave;
    const bool same = expected ? now != nullptr && git_oid_equal(now, &*expected) != 0 : now == nullptr;
    return same ? git::Decision::write : git::Decision::refuse;
  };
}

Result<std::optional<git_oid>> optional_id(const std::optional<ObjectId>& text) {
  if (!text) return std::optional<git_oid>();
  auto id = git::parse_id(*text);
  if (!id) return id.error();
  return std::optional(*id);
}

}  // namespace

namespace git {

Status set_ref(git_repository* repository, const std::string& ref, const git_oid& id,
               const std::function<Result<Decision>(const git_oid*)>& decide) {
  const std::string what = "cannot write " + escape_control(ref);
  for (int tries = 0;; ++tries) {
    Transaction transaction;
    int code = git_transaction_new(out(transaction), repository);
    if (code == 0) code = git_transaction_lock_ref(transaction.get(), ref.c_str());
    if (code == GIT_ELOCKED && tries < lock_tries) {
      std::this_thread::sleep_for(lock_pause);
      continue;
    }
    if (code == GIT_ELOCKED) {
      auto error = failed(code, what);
      error.hint = "if no git runs there, delete the lock file of a git that died: " +
                   escape_control(git_repository_commondir(repository) + ref + ".lock");
      return error;
    }
    if (code != 0) return failed(code, what);
    auto decision = decide_now(repository, ref, decide);
    if (!decision) return decision.error();
    if (*decision == Decision::leave) return ok();
    if (*decision == Decision::refuse) return moved(escape_control(ref));
    code = git_transaction_set_target(transaction.get(), ref.c_str(), &id, nullptr, "mlctl");
    if (code == 0) code = git_transaction_commit(transaction.get());
    return code == 0 ? ok() : Status(failed(code, what));
  }
}

}  // namespace git

Status LibGit::refuse_checked_out(const std::string& branch) const {
  auto branches = checked_out_branches();
  if (!branches) return branches.error();
  for (const auto& one : *branches)
    if (one == branch)
      return Error{Error::Kind::usage, "branch " + escape_control(branch) + " is checked out in a worktree",
                   "switch that worktree to another branch"};
  return ok();
}

Result<ObjectId> LibGit::make_tag(const std::string& name, const ObjectId& commit, const std::string& message) {
  auto id = git::parse_id(commit);
  if (!id) return id.error();
  const std::string what = "cannot make tag " + escape_control(name);
  Object target;
  if (const int code = git_object_lookup(out(target), repository_.get(), &*id, GIT_OBJECT_COMMIT); code != 0)
    return git::failed(code, what);
  auto tagger = make_signature(signature());
  if (!tagger) return tagger.error();
  git_oid made;
  if (const int code = git_tag_annotation_create(&made, repository_.get(), name.c_str(), target.get(), tagger->get(),
                                                 message.c_str());
      code != 0)
    return git::failed(code, what);
  return git::to_text(made);
}

Status LibGit::create_ref(const std::string& ref, const ObjectId& id) {
  auto parsed = git::parse_id(id);
  if (!parsed) return parsed.error();
  auto created = git::set_ref(repository_.get(), ref, *parsed, from(std::nullopt, *parsed));
  if (!created && created.error().kind == Error::Kind::conflict)
    return Error{Error::Kind::conflict, escape_control(ref) + " exists already", ""};
  return created;
}

Status LibGit::create_tag(const std::string& name, const ObjectId& commit, const std::string& message) {
  auto id = make_tag(name, commit, message);
  if (!id) return id.error();
  return create_ref("refs/tags/" + name, *id);
}

Result<ObjectId> LibGit::make_commit(const NewCommit& commit) {
  const std::string what = "cannot make a commit";
  auto expected = optional_id(commit.parent);
  if (!expected) return expected.error();
  Commit parent;
  int code = *expected ? git_commit_lookup(out(parent), repository_.get(), &**expected) : 0;
  if (code != 0) return git::failed(code, what);
  git_oid base_id{};
  if (*expected)
    base_id = *git_commit_tree_id(parent.get());
  else
    base_id = empty_tree(repository_.get(), code);
  Tree base, tree;
  if (code == 0) code = git_tree_lookup(out(base), repository_.get(), &base_id);
  if (code != 0) return git::failed(code, what);
  auto tree_id = changed_tree(repository_.get(), base.get(), commit);
  if (!tree_id) return tree_id.error().context(what);
  if (*expected && git_oid_equal(&*tree_id, &base_id) != 0) return *commit.parent;

  auto author = make_signature(signature());
  if (!author) return author.error();
  git_oid made;
  const git_commit* parents[] = {parent.get()};
  code = git_tree_lookup(out(tree), repository_.get(), &*tree_id);
  if (code == 0)
    code = git_commit_create(&made, repository_.get(), nullptr, author->get(), author->get(), nullptr,
                             commit.message.c_str(), tree.get(), *expected ? 1 : 0, parents);
  return code == 0 ? Result<ObjectId>(git::to_text(made)) : git::failed(code, what);
}

Status LibGit::move_branch(const std::string& branch, const std::optional<ObjectId>& expected, const ObjectId& id) {
  if (auto allowed = refuse_checked_out(branch); !allowed) return allowed;
  auto parsed = git::parse_id(id);
  if (!parsed) return parsed.error();
  auto before = optional_id(expected);
  if (!before) return before.error();
  if (*before && git_oid_equal(&**before, &*parsed) == 0 &&
      git_graph_descendant_of(repository_.get(), &*parsed, &**before) != 1)
    return Error{Error::Kind::conflict, "branch " + escape_control(branch) + " would not go forward", ""};
  return git::set_ref(repository_.get(), "refs/heads/" + branch, *parsed, from(*before, *parsed));
}

}  // namespace mlctl::registry
