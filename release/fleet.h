// What an environment should run: each model's newest assignment (or a version that somebody wants to look at), served
// by the model.yaml of its version's commit and the mlctl.yaml of the checkout. render, diff, apply and undo all begin
// here.
#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "deploy/gitops.h"
#include "deploy/gpu/room.h"
#include "registry/git.h"
#include "registry/store.h"
#include "registry/tags.h"
#include "release/project.h"

namespace mlctl::release {

struct FleetRequest {
  std::string environment;
  std::vector<std::string> models;  // as find_model takes them, or MODEL@V for a look; none: all that the labels choose
  std::vector<std::string> labels;  // "label=value", all must match
  std::int64_t look_number = 0;     // the N that a look is shown with: of a way back that is not taken yet
  deploy::Form form = deploy::Form::text;
};

struct Fleet {
  const deploy::Environment* environment = nullptr;
  deploy::Desired desired;
  std::vector<std::string> notes;
  deploy::GpuReportOf gpu_report = {};      // of the environment's nodes
  std::vector<std::string> strangers = {};  // models that are assigned and have no model.yaml here: left as they are
};

// `git` may be null: then only looks are possible, and Error{usage} says so. Error{usage} as well: a model named twice,
// everything that deploy::plan_files refuses; Error{unavailable}: files that cannot be had. Where several models are
// chosen, those whose assigned version cannot be rendered are left out, and stand in `desired.unrendered`.
[[nodiscard]] Result<Fleet> find_fleet(const Project& project, registry::Git* git, registry::Store& store,
                                       const FleetRequest& request);

// Of the models that are asked for, whether they are assigned or not; without git, so that a cluster can be read ahead.
[[nodiscard]] Result<std::set<std::string>> namespaces_of(const Project& project, const FleetRequest& request);

// The highest N that a model's tags give to a stage, by an assignment or an unassignment; 0 when there is none.
[[nodiscard]] std::uint64_t newest_number(const registry::ModelTags& tags, const std::string& stage);
// Every tag once, by the model that it names: telling 5,000 models from all tags each would take minutes.
[[nodiscard]] std::map<registry::ModelName, std::vector<registry::GitTag>> by_model(
    const std::vector<registry::GitTag>& tags);

}  // namespace mlctl::release
