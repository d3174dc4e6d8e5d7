#include "tests/deploy/fake_git.h"

#include <doctest/doctest.h>
#include <utility>

#include "base/digest.h"

namespace mlctl::deploy::test {
namespace {
const Error conflict{Error::Kind::conflict, "somebody was faster", ""};
}

FakeGit::ObjectId FakeGit::commit(const std::optional<ObjectId>& parent, const Tree& changes,
                                  const std::string& message) {
  Commit made{parent, parent ? commits.at(*parent).tree : Tree{}, message};
  for (const auto& [path, text] : changes)
    if (text.empty())
      made.tree.erase(path);
    else
      blobs_[digest_of(made.tree[path] = text).hex().substr(0, 40)] = text;
  const auto number = std::to_string(++next_);
  ObjectId id = std::string(40 - number.size(), '0') + number;
  commits[id] = std::move(made);
  return id;
}

Result<std::vector<registry::TreeEntry>> FakeGit::list_tree(const ObjectId& id, const std::string& folder) const {
  std::vector<registry::TreeEntry> out;
  for (const auto& [path, text] : commits.at(id).tree) {
    if (!path.starts_with(folder + "/")) continue;
    const auto kind = kinds.find(path);
    out.push_back({path.substr(folder.size() + 1), kind == kinds.end() ? registry::TreeEntry::Kind::file : kind->second,
                   digest_of(text).hex().substr(0, 40), text.size()});
  }
  if (out.empty()) return Error{Error::Kind::not_found, "no " + folder, ""};
  return out;
}

Result<std::string> FakeGit::read_blob(const ObjectId& id, std::uint64_t limit) const {
  REQUIRE(blobs_.at(id).size() <= limit);
  return blobs_.at(id);
}

Result<bool> FakeGit::is_ancestor(const ObjectId& ancestor, const ObjectId& id) const {
  for (std::optional<ObjectId> at = id; at; at = commits.at(*at).parent)
    if (*at == ancestor) return true;
  return false;
}

Result<std::optional<FakeGit::ObjectId>> FakeGit::branch_tip(const std::string& branch) const {
  const auto found = branches.find(branch);
  return found == branches.end() ? std::optional<ObjectId>() : found->second;
}

Result<std::optional<std::string>> FakeGit::remote_url() const {
  return origin ? std::optional<std::string>("https://git.example/models") : std::nullopt;
}

Result<FakeGit::ObjectId> FakeGit::make_commit(const registry::NewCommit& wanted) {
  Tree changes = wanted.files;
  for (const auto& path : wanted.deletions) changes[path] = "";
  return commit(wanted.parent, changes, wanted.message);
}

Status FakeGit::push(const std::vector<registry::RefUpdate>& updates) {
  REQUIRE(origin);
  ++pushes;
  if (auto act = std::exchange(before_push, nullptr)) act();
  for (const auto& update : updates) {
    REQUIRE(update.ref.starts_with("refs/heads/"));
    const auto branch = update.ref.substr(11);
    if (const auto there = origin->find(branch); there != origin->end() && !*is_ancestor(there->second, update.id))
      return conflict;
    (*origin)[branch] = update.id;
  }
  return ok();
}

Result<std::optional<FakeGit::ObjectId>> FakeGit::fetch_branch(const std::string& branch) {
  REQUIRE(origin);
  const auto found = origin->find(branch);
  return found == origin->end() ? std::optional<ObjectId>() : found->second;
}

Status FakeGit::move_branch(const std::string& branch, const std::optional<ObjectId>& expected, const ObjectId& id) {
  if (auto act = std::exchange(before_move, nullptr)) act();
  if (*branch_tip(branch) != expected) return conflict;
  branches[branch] = id;
  return ok();
}

}  // namespace mlctl::deploy::test
