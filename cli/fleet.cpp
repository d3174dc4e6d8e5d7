#include "cli/fleet.h"

#include <nlohmann/json.hpp>
#include <ostream>

#include "release/provide.h"

namespace mlctl::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string outcome(const deploy::ApplyReport& report, const deploy::Folder& folder) {
  const auto at = folder.where.path + " on branch " + folder.where.branch;
  if (!report.committed) return "unchanged " + at + "\n";
  return "commit " + report.commit->substr(0, 12) + " to " + at + (report.pushed ? ", pushed\n" : "\n");
}

}  // namespace

std::vector<Option> fleet_arguments(release::FleetRequest& request) {
  return {{.name = "MODEL",
           .help = "a name, its unique last part, a folder, or MODEL@V for a look at a version; none: all models",
           .target = &request.models,
           .path = true}};
}

std::vector<Option> fleet_options(release::FleetRequest& request) {
  return {{.name = "env",
           .value = "ENV",
           .help = "an environment of mlctl.yaml",
           .target = &request.environment,
           .required = true},
          {.name = "label",
           .letter = 'l',
           .value = "LABEL=VALUE",
           .help = "only models with this label",
           .target = &request.labels}};
}

Option no_push_option(bool& no_push) {
  return {.name = "no-push", .help = "keep tags and commits here: nothing is reserved at origin", .target = &no_push};
}

Option yes_option(bool& yes) {
  return {.name = "yes", .help = "answer yes where an environment asks for confirmation", .target = &yes};
}

Result<Workplace> open_fleet_place(Context& context) {
  auto project = release::load_project(context.project);
  if (!project) return project.error();
  Workplace place{std::move(*project), nullptr, nullptr};
  auto store = project_store(place.project, context);
  if (!store) return store.error();
  place.store = std::move(*store);
  auto git = registry::open_git(place.project.root);
  if (!git && git.error().kind != Error::Kind::not_found) return git.error();
  if (git) place.git = std::move(*git);
  return place;
}

Error no_repository() {
  return {Error::Kind::usage, "a GitOps folder is on a branch, and there is no git repository here",
          "`git init`, or look at a version of the registry with `mlctl render MODEL@V`"};
}

bool is_cluster(const deploy::Environment& environment) {
  return environment.cluster && !environment.gitops;
}

Result<deploy::Gitops> gitops_of(const deploy::Environment& environment) {
  if (environment.gitops) return *environment.gitops;
  if (environment.cluster)
    return Error{Error::Kind::usage,
                 "environment " + environment.name +
                     " is a cluster, and this command works on "
                     "GitOps folders only in this version",
                 "`mlctl apply --env " + environment.name + "` applies what git says"};
  if (environment.several_clusters)
    return Error{Error::Kind::usage,
                 "environment " + environment.name +
                     " has several clusters, which this version "
                     "renders for and does not apply to",
                 "give it one as `cluster: {context: …}`"};
  return Error{Error::Kind::usage,
               "environment " + environment.name + " has neither a `cluster:` nor a `gitops:` folder",
               "add `gitops: {path: deploy/" + environment.name + ", branch: deploy}` to it in mlctl.yaml"};
}

Result<FolderView> view_folder(Workplace& place, const release::FleetRequest& request) {
  if (!place.git) return no_repository();
  auto environment = release::find_environment(place.project, request.environment);
  if (!environment) return environment.error();
  auto where = gitops_of(**environment);
  if (!where) return where.error();
  auto fleet = release::find_fleet(place.project, place.git.get(), *place.store, request);
  if (!fleet) return fleet.error();
  auto folder = deploy::read_folder(*place.git, *where);
  if (!folder) return folder.error();
  auto plan = deploy::plan_folder(*folder, fleet->desired);
  if (!plan) return plan.error();
  return FolderView{std::move(*fleet), std::move(*folder), std::move(*plan)};
}

int tell_unrendered(const release::Fleet& fleet, Context& context) {
  int code = 0;
  for (const auto& one : fleet.desired.unrendered) {
    const int failed = context.fail(one.why);
    if (code == 0) code = failed;
  }
  return code;
}

int apply_view(Workplace& place, const FolderView& view, bool push, Context& context, const Headline& headline) {
  deploy::ApplyReport report{.commit = view.folder.commit};
  std::string sent;
  if (!context.dry_run) {
    if (!view.goes_back) {
      const auto open = [&](const std::string& address) { return open_store(address, context); };
      auto copied = release::provide_images(
          release::new_versions(view.fleet.desired, view.plan),
          {place.project, place.git.get(), *place.store, open, context.clock, context.progress()});
      if (!copied) return context.fail(copied.error());
      if (*copied > 0) sent = count_text(*copied, "version") + " copied to " + view.fleet.environment->pull;
    }
    auto applied = deploy::apply_folder(*place.git, view.folder, view.fleet.desired, view.plan, push);
    if (!applied) return context.fail(applied.error());
    report = std::move(*applied);
    if (!sent.empty()) report.notes.push_back(sent);
  }
  Json all = deploy::to_json(view.plan.changes);
  all["environment"] = view.fleet.desired.environment;
  all["dryRun"] = context.dry_run;
  all.update(deploy::to_json(report));
  for (const auto& [name, text] : headline.fields) all[name] = text.empty() ? Json() : Json(text);
  context.print(all, [&](const Style& style) {
    return (headline.title.empty() ? "" : escape_control(headline.title) + "\n") +
           deploy::to_text(view.plan.changes, style) + (context.dry_run ? "" : outcome(report, view.folder));
  });
  for (const auto& note : view.fleet.notes) context.note(note);
  for (const auto& note : report.notes) context.note(note);
  if (context.dry_run) context.note("dry run: nothing was written");
  return tell_unrendered(view.fleet, context);
}

}  // namespace mlctl::cli
