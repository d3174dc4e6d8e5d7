#include "deploy/gitops.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/interrupt.h"
#include "deploy/render.h"

namespace mlctl::deploy {
namespace {

using registry::Git;
using registry::ObjectId;
using registry::TreeEntry;

constexpr std::size_t folder_files = 20'000;
constexpr int tries = 5;

Error usage(const std::string& message, const std::string& hint) {
  return {Error::Kind::usage, message, hint};
}

// Which commit is the live state: origin's where there is one, for what is only here nobody else has seen.
Status find_tip(Git& git, Folder& folder) {
  const auto& branch = folder.where.branch;
  auto url = git.remote_url();
  if (!url) return url.error();
  auto local = git.branch_tip(branch);
  if (!local) return local.error();
  folder.local = *local;
  folder.commit = *local;
  if (!*url) return ok();
  folder.remote = **url;
  auto there = git.fetch_branch(branch);
  if (!there) return there.error().context("branch " + branch + " of origin");
  if (!*local) {
    folder.commit = *there;
    return ok();
  }
  if (!*there) {
    folder.ahead = true;
    return ok();
  }
  auto behind = git.is_ancestor(**local, **there);
  if (!behind) return behind.error();
  if (*behind) {
    folder.commit = *there;
    return ok();
  }
  auto ahead = git.is_ancestor(**there, **local);
  if (!ahead) return ahead.error();
  folder.ahead = *ahead;
  if (*ahead) return ok();
  return usage("branch " + branch + " here and at origin have parted",
               "if nothing here is worth keeping: `git branch --force " + branch + " origin/" + branch + "`");
}

const char* describe(const TreeEntry& entry) {
  if (entry.kind == TreeEntry::Kind::link) return "a link";
  if (entry.kind == TreeEntry::Kind::submodule) return "a submodule";
  return "a file";
}

bool is_rendered_place(const TreeEntry& entry) {
  const auto slash = entry.path.find('/');
  return (entry.kind == TreeEntry::Kind::file || entry.kind == TreeEntry::Kind::executable) &&
         entry.size <= file_limit && entry.path.ends_with(".yaml") && slash != std::string::npos &&
         entry.path.find('/', slash + 1) == std::string::npos;
}

// What stands at a path, and at every folder above it: one of them may be where a file of ours belongs.
void note_other(Folder& folder, const TreeEntry& entry) {
  folder.others[entry.path] = describe(entry);
  for (auto slash = entry.path.find('/'); slash != std::string::npos; slash = entry.path.find('/', slash + 1))
    if (const auto parent = entry.path.substr(0, slash); parent.find('/') != std::string::npos)
      folder.others[parent] = "a folder";
}

Status read_files(const Git& git, Folder& folder) {
  if (!folder.commit) return ok();
  auto entries = git.list_tree(*folder.commit, folder.where.path);
  if (!entries && entries.error().kind == Error::Kind::not_found) return ok();
  if (!entries) return entries.error();
  if (entries->size() > folder_files)
    return Error{Error::Kind::unavailable,
                 folder.where.path + " holds more than " + std::to_string(folder_files) + " files", ""};
  for (const auto& entry : *entries) {
    if (!is_rendered_place(entry)) {
      note_other(folder, entry);
      continue;
    }
    auto text = git.read_blob(entry.id, file_limit);
    if (!text) return text.error().context(folder.where.path + "/" + entry.path);
    folder.files[entry.path] = std::move(*text);
  }
  return ok();
}

Status takes_commits(Git& git, const Folder& folder, bool push) {
  const auto& branch = folder.where.branch;
  auto checked_out = git.checked_out_branches();
  if (!checked_out) return checked_out.error();
  if (std::find(checked_out->begin(), checked_out->end(), branch) != checked_out->end())
    return usage("branch " + branch + " is checked out, and a commit would leave its files behind",
                 "`git worktree list` says where; check out another branch there, or give the environment a branch of "
                 "its own as `gitops: {branch: …}`");
  if (folder.ahead && push)
    return usage("branch " + branch + " here has commits that origin lacks",
                 "`git push origin " + branch + "`, then try again");
  return ok();
}

Status may_be_applied(Git& git, const Folder& folder, const Desired& desired, bool push) {
  for (const auto& file : desired.files)
    if (const Spec* spec = file.spec(); spec != nullptr && spec->assignment == 0) {
      const auto name = to_string(spec->model), version = to_string(spec->version);
      return usage(name + " " + version + " is not assigned to " + desired.environment,
                   "`mlctl assign " + name + "@" + version + " " + desired.environment + "` first");
    }
  return takes_commits(git, folder, push);
}

registry::NewCommit commit_of(const Folder& folder, const FolderPlan& plan) {
  registry::NewCommit commit{.parent = folder.commit, .message = plan.message};
  for (const auto& [path, text] : plan.writes) commit.files[folder.where.path + "/" + path] = text;
  for (const auto& path : plan.deletions) commit.deletions.push_back(folder.where.path + "/" + path);
  return commit;
}

// One try to make a commit the newest. Error{conflict}: somebody was faster, and nothing has happened.
Result<ApplyReport> publish(Git& git, const Folder& folder, const ObjectId& made, bool push) {
  const auto& branch = folder.where.branch;
  ApplyReport report{.commit = made, .committed = true};
  if (push && !folder.remote.empty()) {
    if (auto pushed = git.push({{made, "refs/heads/" + branch}}); !pushed) return pushed.error();
    report.pushed = true;
  }
  const auto moved = git.move_branch(branch, folder.local, made);
  if (!moved && !report.pushed) return moved.error();
  if (!moved)
    report.notes.push_back("origin has the commit; branch " + branch + " here was not moved: " + moved.error().message);
  if (folder.remote.empty())
    report.notes.push_back("the repository has no origin: the commit is only here");
  else if (!push)
    report.notes.push_back("not pushed: the commit is only here, on branch " + branch);
  return report;
}

}  // namespace

Result<Folder> read_folder(Git& git, const Gitops& where) {
  Folder folder{.where = where};
  if (auto found = find_tip(git, folder); !found) return found.error();
  if (auto read = read_files(git, folder); !read) return read.error();
  return folder;
}

Status check_branch(Git& git, const Gitops& where, bool push) {
  Folder folder{.where = where};
  if (auto found = find_tip(git, folder); !found) return found.error();
  return takes_commits(git, folder, push);
}

Result<ApplyReport> apply_folder(Git& git, Folder folder, const Desired& desired, const FolderPlan& plan, bool push) {
  if (plan.empty()) return ApplyReport{.commit = folder.commit};
  for (int i = 1;; ++i) {
    if (interrupted()) return interrupted_error();
    if (auto may = may_be_applied(git, folder, desired, push); !may) return may.error();
    auto made = git.make_commit(commit_of(folder, plan));
    if (!made) return made.error();
    auto report = publish(git, folder, *made, push);
    if (report || report.error().kind != Error::Kind::conflict || i == tries) return report;
    auto again = read_folder(git, folder.where);
    if (!again) return again.error();
    folder = std::move(*again);
    auto replanned = plan_folder(folder, desired);
    if (!replanned) return replanned.error();
    if (replanned->empty()) return ApplyReport{.commit = folder.commit};  // somebody did just this
    if (!(*replanned == plan))
      return Error{Error::Kind::conflict,
                   "the files of these models on branch " + folder.where.branch + " changed meanwhile",
                   "`mlctl diff --env " + desired.environment + "` shows what is there now"};
  }
}

nlohmann::ordered_json to_json(const ApplyReport& report) {
  return {{"schemaVersion", 1},
          {"commit", report.commit ? nlohmann::ordered_json(*report.commit) : nlohmann::ordered_json()},
          {"committed", report.committed},
          {"pushed", report.pushed},
          {"notes", report.notes}};
}

}  // namespace mlctl::deploy
