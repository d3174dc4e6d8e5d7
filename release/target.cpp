#include "release/target.h"

#include <algorithm>

#include "base/terminal.h"
#include "registry/evidence.h"
#include "registry/query.h"
#include "release/statement.h"

namespace mlctl::release {
namespace {

constexpr std::string_view tag_prefix = "refs/tags/";

// A CI checkout may have replaced an annotated tag by a lightweight one; only where origin has none is a new one right.
std::string annotate_hint(const registry::GitTag& tag) {
  return "`git fetch --force --tags origin` where origin has it annotated, else make it so: `git tag -f -a " +
         tag.name + " " + tag.name + "^{} -m 'release'`";
}

// A tag's name -> the version that it registers.
Result<registry::TagEvent> registration(const std::string& tag) {
  const auto event = registry::parse_tag(tag);
  if (!event || event->kind != registry::TagEvent::Kind::registration)
    return Error{Error::Kind::usage, "tag '" + tag + "' names no version of a model",
                 "a version's tag is MODEL@vX.Y.Z, made by `mlctl register MODEL`"};
  return *event;
}

Result<Target> target_at(const std::vector<registry::GitTag>& tags, const registry::ModelName& model,
                         const registry::Version& version) {
  const registry::ModelTags mine(model, tags);
  const auto found = mine.find(version);
  const std::string name = to_string(model) + "@" + to_string(version);
  if (!found) {
    const auto light =
        std::find_if(tags.begin(), tags.end(), [&](const auto& t) { return t.name == name && !t.annotated; });
    if (light != tags.end())
      return Error{Error::Kind::usage, "tag '" + name + "' is lightweight: it says neither who nor when",
                   annotate_hint(*light)};
    if (const auto* end = mine.withdrawal(version))
      return Error{Error::Kind::denied,
                   name + " was deregistered by " + escape_control(end->tagger) + ", says tag " + end->tag,
                   "register another version, or this one again: `git checkout " + end->commit.substr(0, 12) +
                       " && mlctl register " + to_string(model) + " --version " + to_string(version) + "`"};
    return Error{Error::Kind::not_found, "no version " + name + " is registered in git",
                 "see `mlctl history " + to_string(model) + "`, or fetch: `git fetch --tags`"};
  }
  if (auto only = mine.version_at(found->commit); !only) return only.error();
  return Target{model, *found};
}

// "credit-risk@v1.2.3", the model by anything that find_model takes.
Result<Target> by_reference(const Project& project, const std::vector<registry::GitTag>& tags,
                            const std::string& text) {
  const auto at = text.rfind('@');
  if (at == std::string::npos)
    return Error{Error::Kind::usage, "which version of " + text + "?",
                 "write MODEL@vX.Y.Z; `mlctl history " + text + "` lists the versions"};
  auto model = find_model(project, text.substr(0, at));
  if (!model) return model.error();
  auto version = registry::parse_version(text.substr(at + 1));
  if (!version) return version.error();
  return target_at(tags, (*model)->name, *version);
}

Error nothing_said(const Project& project, const std::vector<registry::GitTag>& tags) {
  std::string known;
  std::size_t count = 0;
  for (auto tag = tags.rbegin(); tag != tags.rend() && count < 5; ++tag) {
    const auto event = registration(tag->name);
    if (event && tag->annotated && find_model(project, to_string(event->model)))
      known += (count++ == 0 ? "" : ", ") + tag->name;
  }
  return {Error::Kind::usage, "which version? no MODEL@V, no --tag, and GITHUB_REF is no tag",
          known.empty() ? "register one: `mlctl register MODEL`" : "for instance: " + known};
}

}  // namespace

Result<Target> find_target(const Project& project, const std::vector<registry::GitTag>& tags,
                           const TargetRequest& request) {
  if (!request.reference.empty()) return by_reference(project, tags, request.reference);
  std::string tag = request.tag;
  if (tag.empty() && request.event_ref.rfind(tag_prefix, 0) == 0) tag = request.event_ref.substr(tag_prefix.size());
  if (tag.rfind(tag_prefix, 0) == 0) tag.erase(0, tag_prefix.size());
  if (tag.empty()) return nothing_said(project, tags);
  auto event = registration(tag);
  if (!event) return event.error();
  auto model = find_model(project, to_string(event->model));
  if (!model) return model.error().context("tag " + tag);
  return target_at(tags, (*model)->name, *event->version);
}

Result<std::vector<Target>> pending(const Project& project, const std::vector<registry::GitTag>& tags,
                                    const std::vector<registry::ModelName>& models) {
  if (project.environments.empty())
    return Error{Error::Kind::usage, "the project has no environments", "add one to mlctl.yaml"};
  const auto& last = project.environments.back().name;
  std::vector<Target> targets;
  for (const auto& model : models) {
    const registry::ModelTags mine(model, tags);
    if (mine.deprecated()) continue;
    // Also when it was taken back by an unassignment: what was stopped on purpose does not wait to be released.
    auto past = mine.assignments(last);
    if (!past) return past.error();
    const auto* newest = past->empty() ? nullptr : &past->front();
    for (const auto& version : mine.versions()) {
      if (newest != nullptr && (version.version <= newest->version || version.time < newest->time)) continue;
      if (auto only = mine.version_at(version.commit); !only) return only.error();
      targets.push_back({model, version});
    }
  }
  return targets;
}

Result<std::vector<Target>> without_failed(registry::Store& store, std::vector<Target> targets) {
  std::vector<Target> open;
  for (auto& target : targets) {
    auto published = registry::find_version(store, target.model, target.tag.version);
    if (!published) return published.error();
    bool failed = false;
    if (*published) {
      auto statements = registry::evidence(store, target.model, (*published)->digest);
      if (!statements) return statements.error();
      for (const auto& evidence : *statements) failed = failed || verdict_of(evidence) == validate::Verdict::fail;
    }
    if (!failed) open.push_back(std::move(target));
  }
  return open;
}

}  // namespace mlctl::release
