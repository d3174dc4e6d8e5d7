#include "release/audit.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/document.h"
#include "deploy/render.h"
#include "registry/evidence.h"
#include "registry/query.h"
#include "release/audit_cluster.h"
#include "release/fleet.h"
#include "release/reference.h"
#include "release/requirements.h"
#include "release/statement.h"
#include "release/trust.h"

namespace mlctl::release {
namespace {

struct Subject {
  registry::ModelName model;
  registry::VersionTag tag;
};

std::string last_environment(const Project& project) {
  return project.environments.empty() ? "" : project.environments.back().name;
}

Result<registry::VersionTag> assigned(const registry::ModelTags& tags, const std::string& stage) {
  auto assignment = tags.assignment(stage);
  if (!assignment) return assignment.error();
  if (!*assignment)
    return Error{Error::Kind::not_found, "nothing is assigned to " + to_string(tags.model()) + "#" + stage,
                 "see `mlctl history " + to_string(tags.model()) + "`"};
  const auto version = tags.find((*assignment)->version);
  if (version) return *version;
  return Error{Error::Kind::not_found,
               to_string(tags.model()) + " " + to_string((*assignment)->version) + " is assigned but not registered",
               ""};
}

Result<registry::VersionTag> by_digest(const registry::ModelTags& tags, registry::Store& store, const Digest& digest) {
  auto known = registry::find_digest(store, tags.model(), digest);
  if (!known) return known.error();
  for (const auto& version : tags.versions()) {
    if (version.digest == digest) return version;
    for (const auto& info : *known)
      if (info.version == version.version) return version;
  }
  return Error{Error::Kind::not_found,
               "no version of " + to_string(tags.model()) + " has the digest " + to_string(digest), ""};
}

Result<Subject> subject_of(const Project& project, const std::vector<registry::GitTag>& all, registry::Store& store,
                           const std::string& text) {
  const auto mark = text.find_first_of("@#");
  auto model = find_model(project, text.substr(0, mark));
  if (!model) return model.error();
  const registry::ModelTags tags((*model)->name, all);
  const std::string whole =
      to_string((*model)->name) + (mark == std::string::npos ? "#" + last_environment(project) : text.substr(mark));
  auto reference = split_reference(whole);
  if (!reference) return reference.error();
  auto found = [&]() -> Result<registry::VersionTag> {
    if (const auto* stage = std::get_if<std::string>(&reference->at)) return assigned(tags, *stage);
    if (const auto* part = std::get_if<DigestPart>(&reference->at)) {
      auto digest = whole_digest(store, tags.model(), *part);
      return digest ? by_digest(tags, store, *digest) : Result<registry::VersionTag>(digest.error());
    }
    if (const auto* digest = std::get_if<Digest>(&reference->at)) return by_digest(tags, store, *digest);
    const auto version = tags.find(std::get<registry::Version>(reference->at));
    if (version) return *version;
    return Error{Error::Kind::not_found, "no version " + whole + " is registered in git",
                 "see `mlctl history " + to_string(tags.model()) + "`"};
  }();
  if (!found) return found.error();
  return Subject{(*model)->name, *found};
}

AuditedStatement statement_from(const registry::Evidence& one) {
  const bool ours = one.kind != registry::EvidenceKind::other;
  AuditedStatement statement{.kind = ours ? registry::to_string(one.kind) : one.predicate_type,
                             .digest = to_string(one.digest),
                             .created = one.created,
                             .signature = one.signature};
  if (const auto stated = stated_in(one)) {
    statement.verdict = stated->verdict;
    statement.environment = stated->environment;
    if (stated->report) statement.baseline = stated->report->baseline_version;
  }
  if (one.kind == registry::EvidenceKind::provenance)
    if (const auto json = parse_json(one.statement, "statement"))
      if (const auto source = registry::source_in(*json)) statement.dirty = source->dirty;
  return statement;
}

Status add_statements(registry::Store& store, const registry::ModelName& model, const Digest& digest,
                      const Circumstances& around, Audit& audit) {
  const auto trust = around.trust.value_or(registry::Trust{});
  audit.trust = around.trust.has_value();
  auto signatures = registry::signatures(store, model, digest, trust, around.now);
  if (!signatures) return signatures.error();
  audit.signatures = std::move(*signatures);
  auto evidence = registry::evidence(store, model, digest, trust, around.now);
  if (!evidence) return evidence.error();
  for (const auto& one : *evidence) {
    audit.statements.push_back(statement_from(one));
    audit.statements.back().counts = counts(one, digest, around);
  }
  return ok();
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

// What the environment asks of what it runs, by its own trust.
Status judge_place(const Project& project, registry::Store& store, const deploy::Environment& environment,
                   const registry::ModelName& model, const Digest& digest, const std::string& shown, WallTime now,
                   AuditedPlace& place) {
  auto around = circumstances_of(project, environment, now);
  if (!around) {
    place.unmet.push_back(first_line(around.error().message));
    place.gated = true;
    return ok();
  }
  for (const auto check : {check_signature, check_evidence}) {
    const auto met = check(store, environment, model, digest, shown, *around);
    if (!met && met.error().kind != Error::Kind::denied) return met;
    if (!met) place.unmet.push_back(first_line(met.error().message));
  }
  if (is_required(environment, "gate")) {  // said above
    place.gated = true;
    return ok();
  }
  auto evidence = registry::evidence(store, model, digest, around->trust.value_or(registry::Trust{}), now);
  if (!evidence) return evidence.error();
  place.gated = std::any_of(evidence->begin(), evidence->end(), [&](const auto& one) {
    return one.kind == registry::EvidenceKind::gate && verdict_of(one) == validate::Verdict::pass &&
           counts(one, digest, *around);
  });
  return ok();
}

// The digest that the first line of a rendered file names.
std::string digest_named(const std::string& text) {
  const auto at = text.find("sha256:");
  return at != std::string::npos && at < text.find('\n') ? text.substr(at, to_string(Digest()).size()) : "";
}

// What stands on the GitOps branch, held against what is assigned and configured: as diff sees it, byte for byte.
Status look_into_folder(const Project& project, registry::Git& git, registry::Store& store,
                        const deploy::Environment& environment, const registry::ModelName& model, AuditedPlace& place) {
  auto folder = deploy::read_folder(git, *environment.gitops);
  if (!folder) return folder.error();
  const auto file = folder->files.find(deploy::file_of(namespace_of(project, model), model));
  if (file == folder->files.end()) return ok();
  place.folder = environment.gitops->branch + ":" + environment.gitops->path + "/" + file->first;
  place.in_folder = digest_named(file->second);
  auto fleet = find_fleet(project, &git, store, {.environment = environment.name, .models = {to_string(model)}});
  if (!fleet) return fleet.error();
  auto plan = deploy::plan_folder(*folder, fleet->desired);
  if (!plan) return plan.error();
  place.differs = !plan->empty();
  return ok();
}

Status add_places(const Project& project, registry::Git& git, registry::Store& store, const registry::ModelTags& tags,
                  const registry::Version& version, const std::optional<Digest>& digest, WallTime now, Audit& audit) {
  for (const auto& environment : project.environments) {
    auto history = tags.assignments(environment.name);
    if (!history) return history.error();
    auto current = tags.assignment(environment.name);
    if (!current) return current.error();
    for (const auto& assignment : *history) {
      if (assignment.version != version) continue;
      AuditedPlace place{.environment = environment.name,
                         .n = assignment.n,
                         .tag = assignment.tag,
                         .by = assignment.tagger + " <" + assignment.email + ">",
                         .when = assignment.time};
      place.newest = *current && (*current)->n == assignment.n;
      place.has_folder = environment.gitops || !environment.cluster;
      if (place.newest && environment.gitops)
        if (auto looked = look_into_folder(project, git, store, environment, tags.model(), place); !looked)
          place.unknown = looked.error().message;
      if (place.newest && digest)
        if (auto judged = judge_place(project, store, environment, tags.model(), *digest, audit.tag, now, place);
            !judged)
          return judged;
      audit.places.push_back(std::move(place));
    }
  }
  return ok();
}

void find_signature_gaps(Audit& audit) {
  for (const auto& one : audit.signatures)
    if (one.state.trusted == registry::Trusted::invalid)
      audit.gaps.push_back("its " + one.kind + " signature is invalid: " + one.state.why);
  for (const auto& one : audit.statements) {
    if (one.signature.trusted == registry::Trusted::invalid)
      audit.gaps.push_back(one.kind + " " + one.digest + " has an invalid signature: " + one.signature.why);
    if (one.dirty && one.counts) audit.gaps.push_back("its files differed from the commit that its provenance names");
  }
  if (audit.trust && audit.in_registry &&
      std::none_of(audit.signatures.begin(), audit.signatures.end(), registry::covers_version))
    audit.gaps.push_back(audit.signatures.empty() ? "no signature" : "no signature by anybody whose count");
}

// A chain is as strong as what it lacks.
void find_gaps(Audit& audit) {
  if (!audit.recorded) audit.gaps.push_back("the tag records no digest: it was made by hand");
  if (!audit.in_registry) audit.gaps.push_back("its bytes are not in the registry");
  const auto has = [&](const char* kind) {
    return std::any_of(audit.statements.begin(), audit.statements.end(), [&](const auto& s) {
      return s.kind == kind && s.counts && (!s.verdict || *s.verdict == validate::Verdict::pass);
    });
  };
  if (!has("provenance")) audit.gaps.push_back("no provenance");
  if (!has("validation")) audit.gaps.push_back("no validation that passed");
  find_signature_gaps(audit);
  for (const auto& place : audit.places) {
    if (!place.newest) continue;
    if (!place.gated) audit.gaps.push_back(place.environment + ": no gate that passed");
    for (const auto& what : place.unmet) audit.gaps.push_back(place.environment + ": " + what);
    if (!place.has_folder) continue;
    if (!place.unknown.empty())
      audit.gaps.push_back(place.environment + ": the GitOps folder cannot be judged: " + place.unknown);
    else if (place.folder.empty())
      audit.gaps.push_back(place.environment + ": assigned, and not in the GitOps folder");
    else if (place.in_folder != audit.digest)
      audit.gaps.push_back(place.environment + ": the GitOps folder names " +
                           (place.in_folder.empty() ? "no digest" : place.in_folder));
    else if (place.differs)
      audit.gaps.push_back(place.environment +
                           ": the GitOps folder is not what is assigned and configured; `mlctl diff " + audit.model +
                           " --env " + place.environment + "` shows it");
  }
  find_cluster_gaps(audit);
}

Result<std::string> revision_in(const Project& project, registry::Git& git, registry::Store& store,
                                const registry::ModelName& model, const deploy::Environment& environment) {
  auto fleet = find_fleet(project, &git, store, {.environment = environment.name, .models = {to_string(model)}});
  if (!fleet) return fleet.error();
  for (const auto& file : fleet->desired.files)
    if (const auto* spec = file.spec()) return deploy::revision_of(*spec);
  return Error{Error::Kind::not_found, "nothing is rendered for " + environment.name, ""};
}

}  // namespace

Result<Audit> audit(const Project& project, registry::Git& git, registry::Store& store, const ConnectCluster& connect,
                    const std::string& text, WallTime now) {
  if (auto whole = registry::check_history(git); !whole) return whole.error();
  auto all = git.tags();
  if (!all) return all.error();
  auto subject = subject_of(project, *all, store, text);
  if (!subject) return subject.error();
  const registry::ModelTags tags(subject->model, *all);
  const auto& tag = subject->tag;
  Audit audit{.model = to_string(subject->model),
              .version = to_string(tag.version),
              .tag = tag.tag,
              .by = tag.tagger + " <" + tag.email + ">",
              .commit = tag.commit,
              .when = tag.time};
  if (auto info = git.commit_info(tag.commit)) {
    audit.subject = info->message.substr(0, info->message.find('\n'));
    audit.author = info->author.name + " <" + info->author.email + ">";
  }
  audit.recorded = tag.digest.has_value();
  auto published = registry::find_version(store, subject->model, tag.version);
  if (!published) return published.error();
  audit.in_registry = published->has_value();
  const auto digest = *published ? std::optional((*published)->digest) : tag.digest;
  if (digest) audit.digest = to_string(*digest);
  if (*published && tag.digest && (*published)->digest != *tag.digest)
    audit.gaps.push_back("the tag records " + to_string(*tag.digest) + ", the registry has " + audit.digest);
  const bool no_mark = text.find_first_of("@#") == std::string::npos;
  auto trust = trust_of(project, no_mark ? last_environment(project) : environment_in(project, text));
  if (!trust) return trust.error();
  const Circumstances around{std::move(*trust), !project.registry.empty(), project.root, now};
  if (audit.in_registry)
    if (auto added = add_statements(store, subject->model, *digest, around, audit); !added) return added.error();
  const auto stored = audit.in_registry ? digest : std::nullopt;
  if (auto added = add_places(project, git, store, tags, tag.version, stored, now, audit); !added) return added.error();
  const auto revision = [&](const deploy::Environment& environment) {
    return revision_in(project, git, store, subject->model, environment);
  };
  look_into_clusters(project, {connect, revision}, tags, audit);
  find_gaps(audit);
  return audit;
}

}  // namespace mlctl::release
