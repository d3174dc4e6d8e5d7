#include "cli/workplace.h"

#include "registry/bundle.h"
#include "release/reference.h"

namespace mlctl::cli {
namespace {

Result<Workplace> with_store(release::Project project) {
  Workplace place{std::move(project), nullptr, nullptr};
  auto store = registry::open_disk_store(place.project.registry);
  if (!store) return store.error();
  place.store = std::move(*store);
  return place;
}

}  // namespace

Result<Workplace> open_loosely(const Context& context, const std::string& model) {
  auto project = release::open_project(context.project, model);
  if (!project) return project.error();
  auto place = with_store(std::move(*project));
  if (!place) return place.error();
  auto git = registry::open_git(place->project.root);
  if (git) place->git = std::move(*git);
  if (!git && git.error().kind != Error::Kind::not_found) return git.error();
  return place;
}

Result<Workplace> open_with_git(const Context& context) {
  auto project = release::load_project(context.project);
  if (!project) return project.error();
  auto git = registry::open_git(project->root);
  if (!git) return git.error();
  auto place = with_store(std::move(*project));
  if (!place) return place.error();
  place->git = std::move(*git);
  return place;
}

Result<std::unique_ptr<registry::Store>> open_store(const std::string& text) {
  if (text.starts_with("oci://"))
    return Error{Error::Kind::usage, text + ": registries behind a network are not supported yet", "name a folder"};
  return registry::is_bundle_name(text) ? registry::open_bundle(text) : registry::open_disk_store(text);
}

std::optional<std::vector<registry::GitTag>> tags_if_any(Context& context, const Workplace& place) {
  if (!place.git) return std::nullopt;
  auto tags = release::all_tags(*place.git);
  if (tags) return std::move(*tags);
  context.note("stages are not shown: " + tags.error().message);
  return std::nullopt;
}

}  // namespace mlctl::cli
