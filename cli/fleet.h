// What render, diff, apply and undo share: the words that choose models, and the environment's folder beside what it
// should hold.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/workplace.h"
#include "deploy/gitops.h"
#include "release/fleet.h"

namespace mlctl::cli {

[[nodiscard]] std::vector<Option> fleet_arguments(release::FleetRequest& request);
[[nodiscard]] std::vector<Option> fleet_options(release::FleetRequest& request);  // --env, -l
[[nodiscard]] Option no_push_option(bool& no_push);
[[nodiscard]] Option yes_option(bool& yes);

// Needs mlctl.yaml; a repository only where there is one.
[[nodiscard]] Result<Workplace> open_fleet_place(Context& context);

[[nodiscard]] Error no_repository();
// It is applied to by its API: a cluster without a folder beside it.
[[nodiscard]] bool is_cluster(const deploy::Environment& environment);
// Error{usage} where the environment has no folder.
[[nodiscard]] Result<deploy::Gitops> gitops_of(const deploy::Environment& environment);

struct FolderView {
  release::Fleet fleet;
  deploy::Folder folder;
  deploy::FolderPlan plan;
  bool goes_back = false;  // to what was served before: its images are there
};
[[nodiscard]] Result<FolderView> view_folder(Workplace& place, const release::FleetRequest& request);

// Says of each model that was left as it is why. The exit code of the first; 0: there is none.
[[nodiscard]] int tell_unrendered(const release::Fleet& fleet, Context& context);

// What stands above a change set: a line for people, fields of the JSON ("" is null).
struct Headline {
  std::string title;
  std::vector<std::pair<std::string, std::string>> fields;
};
// Copies what pods will pull, performs what `view` shows and says what happened: the change set, the commit, what is
// left to do. The exit code.
[[nodiscard]] int apply_view(Workplace& place, const FolderView& view, bool push, Context& context,
                             const Headline& headline = {});

}  // namespace mlctl::cli
