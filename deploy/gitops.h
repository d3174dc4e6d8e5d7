// A GitOps folder: the files of an environment on a branch of the repository, which are the live state of diff and
// apply. The plan is pure; performing it is one commit, pushed before the local branch moves. Never touched: the index,
// the worktree, a branch that is checked out, files of other models, files that mlctl did not write.
#pragma once
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "deploy/changes.h"
#include "deploy/config.h"
#include "deploy/plan.h"
#include "registry/git.h"
#include "registry/name.h"

namespace mlctl::deploy {

struct Folder {
  Gitops where;
  std::optional<registry::ObjectId> commit;   // that was read; nullopt: the branch does not exist yet
  std::optional<registry::ObjectId> local;    // where the branch stands here
  std::string remote;                         // URL of origin; "" when there is none
  bool ahead = false;                         // `commit` is the local branch, and origin lacks some of it
  std::map<std::string, std::string> files;   // NAMESPACE/NAME.yaml -> text
  std::map<std::string, std::string> others;  // whatever else stands at a path -> what it is: "a link", "a file"
};

// Where there is an origin its branch is fetched and read, else the local branch. Error{usage}: the local branch has
// parted from origin's; Error{unavailable}: origin does not answer, or the folder holds more than 20,000 files.
[[nodiscard]] Result<Folder> read_folder(registry::Git& git, const Gitops& where);

// Whether a commit could go onto the branch. Error{usage}: it is checked out somewhere, or has parted from origin's, or
// is to be pushed and has commits that origin lacks. Asked before anything is decided that the commit must follow.
[[nodiscard]] Status check_branch(registry::Git& git, const Gitops& where, bool push);

// What the folder should hold of the models that were chosen.
struct Chosen {
  registry::ModelName model;
  std::uint64_t known = 0;      // the newest N of the model here, of an assignment or an unassignment
  std::string name_space = {};  // where it belongs, for when nothing of it is rendered; "": anywhere
};
// A model whose assigned version cannot be rendered: it is left as it is, and does not keep others waiting.
struct Unrendered {
  registry::ModelName model;
  std::string name_space;
  Error why;
};
struct Desired {
  std::string environment;
  std::vector<Chosen> models;  // one that has no file any more is removed
  std::vector<DesiredFile> files;
  std::vector<Unrendered> unrendered = {};  // none of them is among `models`
};

struct FolderPlan {
  ChangeSet changes;
  std::map<std::string, std::string> writes;  // below the folder
  std::vector<std::string> deletions;
  std::string message;  // of the commit
  [[nodiscard]] bool empty() const { return writes.empty() && deletions.empty(); }
  bool operator==(const FolderPlan&) const = default;
};
// Pure. Error{denied}: a live file carries a higher N; Error{conflict}: a file stands there that mlctl did not write
// for this model; Error{corrupt}: it cannot be read as objects.
[[nodiscard]] Result<FolderPlan> plan_folder(const Folder& folder, const Desired& desired);

// The highest N among the files that mlctl wrote for the model; nullopt when there is none. Error{corrupt} as above.
[[nodiscard]] Result<std::optional<std::uint64_t>> live_assignment(const Folder& folder,
                                                                   const registry::ModelName& model);

struct ApplyReport {
  std::optional<registry::ObjectId> commit;  // that holds what is desired now
  bool committed = false;                    // false: it was there already
  bool pushed = false;
  std::vector<std::string> notes;
};
// Performs the plan that diff showed. When origin (or somebody here) was faster, reads and plans again, five times at
// most, and goes on only when the plan is still the same. Error{conflict} otherwise; Error{usage}: the branch is
// checked out somewhere, the local branch is ahead of origin, a look at a version that is not assigned.
[[nodiscard]] Result<ApplyReport> apply_folder(registry::Git& git, Folder folder, const Desired& desired,
                                               const FolderPlan& plan, bool push);
[[nodiscard]] nlohmann::ordered_json to_json(const ApplyReport& report);

}  // namespace mlctl::deploy
