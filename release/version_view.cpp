#include "release/version_view.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/document.h"
#include "base/terminal.h"
#include "registry/evidence.h"

namespace mlctl::release {
namespace {

using registry::GitTag;
using registry::ModelName;
using registry::ModelTags;

// What every stage of the model runs. A stage whose assignment cannot be told is left out: `history` says why.
std::vector<registry::Assignment> current(const std::vector<GitTag>* tags, const ModelName& model) {
  std::vector<registry::Assignment> assignments;
  if (tags == nullptr) return assignments;
  const ModelTags mine(model, *tags);
  for (const auto& stage : mine.stages())
    if (auto assigned = mine.assignment(stage); assigned && *assigned) assignments.push_back(std::move(**assigned));
  return assignments;
}

bool runs(const registry::Assignment& assignment, const registry::VersionInfo& info) {
  return assignment.digest ? *assignment.digest == info.digest : assignment.version == info.version;
}

std::string text_at(const nlohmann::json& json, const char* pointer) {
  const nlohmann::json::json_pointer path(pointer);
  return json.contains(path) && json.at(path).is_string() ? json.at(path).get<std::string>() : std::string();
}

StatementLine line_of(const registry::Evidence& evidence) {
  const bool ours = evidence.kind != registry::EvidenceKind::other;
  StatementLine line{ours ? registry::to_string(evidence.kind) : evidence.predicate_type,
                     "",
                     "",
                     evidence.created,
                     evidence.digest,
                     evidence.predicate_type,
                     evidence.signature};
  const auto statement = parse_json(evidence.statement, "statement " + evidence.digest.brief());
  if (!statement) return line;
  if (evidence.predicate_type == registry::test_result) {
    line.result = text_at(*statement, "/predicate/result");
    line.environment = text_at(*statement, "/predicate/mlctl/environment");
  } else if (evidence.predicate_type == registry::slsa_provenance) {
    if (const auto source = registry::source_in(*statement))
      line.result = source->commit + (source->dirty ? ", with changes" : "");
  }
  return line;
}

Withdrawn withdrawn_by(const registry::ModelEvent& event) {
  return {event.tagger, event.time, event.tag};
}

void add_withdrawals(const ModelTags& tags, VersionView& view) {
  if (const auto* event = tags.deprecation()) view.deprecated = withdrawn_by(*event);
  for (const auto& info : view.versions)
    if (const auto* event = tags.withdrawal(info.version))
      view.deregistered.emplace(info.version, withdrawn_by(*event));
}

}  // namespace

Result<VersionView> view_version(registry::Store& store, const std::vector<GitTag>* tags, const ModelName& model,
                                 const Digest& digest, const registry::Trust& trust, WallTime now) {
  auto description = registry::describe(store, model, digest);
  if (!description) return description.error();
  VersionView view{.model = model, .description = std::move(*description)};
  auto versions = registry::find_digest(store, model, digest);
  if (!versions) return versions.error();
  view.versions = std::move(*versions);
  auto signatures = registry::signatures(store, model, digest, trust, now);
  if (!signatures) return signatures.error();
  view.signatures = std::move(*signatures);
  auto evidence = registry::evidence(store, model, digest, trust, now);
  if (!evidence) return evidence.error();
  for (const auto& one : *evidence) view.evidence.push_back(line_of(one));
  view.said = said_in(*evidence, view.versions.empty() ? std::nullopt : std::optional(view.versions.back().version));
  auto modelcars = registry::find_modelcars(store, model, digest);
  if (!modelcars) return modelcars.error();
  view.modelcars = std::move(*modelcars);
  if (tags != nullptr) add_withdrawals(ModelTags(model, *tags), view);
  for (const auto& assignment : current(tags, model))
    if (std::any_of(view.versions.begin(), view.versions.end(),
                    [&](const auto& info) { return runs(assignment, info); }))
      view.stages.push_back({assignment.stage, assignment.n});
  return view;
}

Result<std::vector<VersionLine>> view_versions(registry::Store& store, const std::vector<GitTag>* tags,
                                               const ModelName& model) {
  auto versions = registry::list_versions(store, model);
  if (!versions) return versions.error();
  const auto assignments = current(tags, model);
  const ModelTags mine(model, tags != nullptr ? *tags : std::vector<GitTag>());
  std::vector<VersionLine> lines;
  for (auto info = versions->rbegin(); info != versions->rend(); ++info) {
    VersionLine line{*info, {}, mine.withdrawal(info->version) != nullptr};
    for (const auto& assignment : assignments)
      if (assignment.version == info->version && runs(assignment, *info))
        line.stages.push_back({assignment.stage, assignment.n});
    lines.push_back(std::move(line));
  }
  return lines;
}

Result<std::vector<ModelLine>> view_models(registry::Store& store, const std::vector<GitTag>* tags,
                                           const std::vector<ModelName>& models) {
  std::vector<ModelLine> lines;
  for (const auto& model : models) {
    auto versions = registry::list_versions(store, model);
    if (!versions) return versions.error();
    ModelLine line{.model = model, .versions = versions->size()};
    if (!versions->empty()) line.newest = versions->back();
    line.deprecated = tags != nullptr && ModelTags(model, *tags).deprecated();
    for (const auto& assignment : current(tags, model))
      line.stages.emplace_back(StageLine{assignment.stage, assignment.n}, assignment.version);
    lines.push_back(std::move(line));
  }
  return lines;
}

namespace {

constexpr std::size_t names_shown = 5;

std::string some_of(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names_shown, names.size()); ++i) text += (i == 0 ? "" : ", ") + names[i];
  return names.size() > names_shown ? text + " and " + std::to_string(names.size() - names_shown) + " more" : text;
}

// What the one has and the other has not. A registry need not hold everything: none of this is a problem.
Status note_differences(registry::Store& store, const ModelTags& tags, const Found& found,
                        std::vector<std::string>& notes) {
  auto stored = registry::list_versions(store, found.model);
  if (!stored) return stored.error();
  std::vector<std::string> only_git, only_registry;
  for (const auto& tag : tags.versions())
    if (std::none_of(stored->begin(), stored->end(), [&](const auto& info) { return info.version == tag.version; }))
      only_git.push_back(to_string(tag.version));
  for (const auto& info : *stored) {
    const auto* end = tags.withdrawal(info.version);
    if (found.version == info.version && end != nullptr)
      notes.push_back("it was deregistered: tag " + end->tag + " by " + end->tagger);
    if (!tags.find(info.version) && end == nullptr) only_registry.push_back(to_string(info.version));
  }
  if (const auto* end = tags.deprecation())
    notes.push_back("the model is deprecated: tag " + end->tag + " by " + end->tagger);
  if (!only_git.empty()) notes.push_back("in git, not in this registry: " + some_of(only_git));
  if (!only_registry.empty()) notes.push_back("in this registry, not in git: " + some_of(only_registry));
  return ok();
}

// What was taken back was still these bytes.
void check_withdrawn(const ModelTags& tags, const Found& found, std::vector<std::string>& problems) {
  if (!found.version || tags.withdrawal(*found.version) == nullptr) return;
  for (const auto& event : tags.history())
    if (event.what.kind == registry::TagEvent::Kind::registration && event.what.version == found.version &&
        event.lines.digest && *event.lines.digest != found.digest)
      problems.push_back("tag " + event.tag + " records " + to_string(*event.lines.digest) + ", the registry has " +
                         to_string(found.digest));
}

}  // namespace

Result<Verification> verify_version(registry::Store& store, const std::vector<GitTag>* tags, const Found& found) {
  auto report = registry::verify(store, found.model, found.digest);
  if (!report) return report.error();
  Verification verification{std::move(*report), {}};
  if (tags == nullptr) {
    verification.notes.emplace_back("no git repository: no tag was compared");
    return verification;
  }
  const ModelTags mine(found.model, *tags);
  for (const auto& tag : mine.versions()) {
    auto stored = registry::find_version(store, found.model, tag.version);
    if (!stored) return stored.error();
    const bool meant = found.version ? tag.version == *found.version : tag.digest == found.digest;
    const auto digest = *stored ? std::optional((*stored)->digest) : std::nullopt;
    if (!meant && digest != found.digest) continue;
    if (tag.unclear)
      verification.report.problems.push_back("tag " + tag.tag + ": its `digest:` line is none, or there are several");
    else if (!tag.digest)
      verification.notes.push_back("tag " + tag.tag + " was made by hand and records no digest");
    else if (digest && *digest != *tag.digest)
      verification.report.problems.push_back("tag " + tag.tag + " records " + to_string(*tag.digest) +
                                             ", the registry has " + to_string(*digest));
    else if (*tag.digest != found.digest)
      verification.report.problems.push_back("tag " + tag.tag + " records " + to_string(*tag.digest) + ", this is " +
                                             to_string(found.digest));
    else
      verification.notes.push_back("tag " + tag.tag + " records this digest");
  }
  check_withdrawn(mine, found, verification.report.problems);
  if (auto noted = note_differences(store, mine, found, verification.notes); !noted) return noted.error();
  return verification;
}

Status verify_at_origin(registry::Git& git, const ModelName& model, std::vector<std::string>& problems) {
  auto remote = git.remote_url();
  if (!remote) return remote.error();
  if (!*remote)
    return Error{Error::Kind::usage, "--origin: this repository has no remote to ask", "`git remote add origin URL`"};
  const auto mine = [&](const std::string& name) {
    const auto event = registry::parse_tag(name);
    return event && event->model == model;
  };
  auto differences = git.compare_tags();
  if (!differences) return differences.error();
  for (const auto& name : differences->moved)
    if (mine(name))
      problems.push_back("tag " + name + " is another at origin: `git ls-remote origin " +
                         shell_word("refs/tags/" + name) + "`");
  for (const auto& name : differences->missing)
    if (mine(name)) problems.push_back("tag " + name + " is only at origin: `git fetch --tags`");
  for (const auto& name : differences->unpushed)
    if (mine(name))
      problems.push_back("tag " + name + " is only here, not at origin: `git push origin " +
                         shell_word("refs/tags/" + name) + "`");
  return ok();
}

}  // namespace mlctl::release
