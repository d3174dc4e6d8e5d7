#include <algorithm>

#include "registry/intent.h"
#include "registry/pack.h"
#include "registry/tags.h"
#include "release/files.h"
#include "release/reference.h"
#include "release/served.h"
#include "release/versions.h"

namespace mlctl::release {
namespace {

using registry::Version;

constexpr std::size_t names_shown = 3;

std::string some_of(const std::vector<std::string>& paths) {
  std::string names;
  for (std::size_t i = 0; i < std::min(names_shown, paths.size()); ++i) names += (i == 0 ? "" : ", ") + paths[i];
  if (paths.size() > names_shown) names += " and " + std::to_string(paths.size() - names_shown) + " more";
  return names;
}

// A version is what its commit holds: what is not committed would not be in it.
Status folder_is_committed(const Project& project, const registry::Git& git, const ModelEntry& model) {
  auto changed = changed_files(project, git, model);
  if (!changed) return changed.error();
  if (changed->empty()) return ok();
  return Error{Error::Kind::usage,
               "the folder of " + to_string(model.name) + " differs from the last commit: " + some_of(*changed),
               "commit them; what is changed goes back by `git checkout -- " + shell_word(model.folder) +
                   "`, what is new can be removed or named in .gitignore"};
}

Result<Version> without_being_told(const registry::ModelTags& tags, const std::vector<registry::VersionInfo>& stored) {
  const auto registered = tags.versions();
  if (!stored.empty() && !tags.find(stored.back().version) &&
      (registered.empty() || stored.back().version > registered.back().version))
    return stored.back().version;
  if (registered.empty()) return registry::parse_version(registry::first_version);
  return registry::next_version(registered.back().version, registry::Bump::patch);
}

Result<Version> choose_version(const RegisterRequest& request, const registry::ModelTags& tags,
                               const std::vector<registry::VersionInfo>& stored, const std::string& commit) {
  auto here = tags.version_at(commit);
  if (!here && here.error().kind != Error::Kind::not_found) return here.error();
  if (here && !request.version && !request.bump) return here->version;
  Result<Version> chosen = request.version ? Result<Version>(*request.version) : without_being_told(tags, stored);
  if (!chosen) return chosen.error();
  if (request.bump) {
    const auto registered = tags.versions();
    const Version newest = registered.empty() ? Version{} : registered.back().version;
    chosen = registry::next_version(newest, *request.bump);
  }
  if (here && here->version != *chosen)
    return Error{Error::Kind::usage,
                 "commit " + commit.substr(0, 12) + " is " + to_string(here->version) + " already, so it cannot be " +
                     to_string(*chosen) + " too",
                 "a stage finds its version by the commit: make a new commit for a new version"};
  return chosen;
}

// Does origin answer, and may we push there?
Status may_push(registry::Git& git, const RegisterRequest& request) {
  if (!request.push) return ok();
  auto remote = git.remote_url();
  if (!remote || !*remote) return remote ? ok() : Status(remote.error());
  return git.push({});
}

// The digest that the version has in the registry; its files go there from the commit when they are not.
Status settle_digest(const Project& project, registry::Git& git, registry::Store& store, const RegisterRequest& request,
                     Registered& registered, Progress& progress, Clock& clock) {
  const auto& name = request.model->name;
  auto known = registry::find_version(store, name, registered.version);
  if (!known) return known.error();
  if (*known) {
    registered.digest = (*known)->digest;
    registered.files = (*known)->files;
    registered.bytes = (*known)->bytes;
    return ok();
  }
  auto model = model_at(project, git, *request.model, registered.commit);
  if (!model) return model.error();
  auto files = files_at(project, git, *model, registered.commit);
  if (!files) return files.error();
  registered.packed = true;
  registered.files = files->size();
  registered.bytes = 0;
  for (const auto& file : *files) registered.bytes += file.size;
  // Before the registry gets a version that no tag may ever name.
  if (auto may = may_push(git, request); !may) return may;
  if (request.dry_run) {
    auto packed = registry::pack_digest(*files);
    if (!packed) return packed.error();
    registered.digest = packed->digest;
    return ok();
  }
  auto source = source_of(project, *request.model, &git);
  if (!source) return source.error();
  source->builder = request.builder;
  source->started = rfc3339(clock.wall());
  source->signer = request.signer;
  auto pushed = registry::push(store, name, *files, registered.version, *source, progress, clock);
  if (!pushed) return pushed.error();
  registered.digest = pushed->manifest;
  return ok();
}

Result<Digest> content_digest(const registry::ModelFile& file) {
  auto source = file.open();
  if (!source) return source.error();
  Sha256 hash;
  std::vector<char> buffer(std::size_t{1} << 16U);
  for (;;) {
    auto got = (*source)->read(buffer.data(), buffer.size());
    if (!got) return got.error();
    if (*got == 0) return hash.finish();
    hash.update(buffer.data(), *got);
  }
}

// Files of the commit that the registry's version lacks or has with other bytes: it was not made from this commit.
Result<std::vector<std::string>> differences(const Project& project, const registry::Git& git, registry::Store& store,
                                             const RegisterRequest& request, const Registered& registered) {
  std::vector<std::string> differing;
  auto files = files_at(project, git, *request.model, registered.commit);
  if (!files) return differing;  // weights outside of git: there is nothing to compare
  auto description = registry::describe(store, request.model->name, registered.digest);
  if (!description) return description.error();
  for (const auto& file : *files) {
    const auto stored = std::find_if(description->files.begin(), description->files.end(),
                                     [&](const auto& other) { return other.path == file.path; });
    if (stored == description->files.end()) {
      differing.push_back(file.path);
      continue;
    }
    bool same = stored->size == file.size && stored->link == file.link;
    if (same && file.link.empty()) {
      auto digest = content_digest(file);
      if (!digest) return digest.error();
      same = *digest == stored->digest;
    }
    if (!same) differing.push_back(file.path);
  }
  return differing;
}

Error made_elsewhere(const RegisterRequest& request, const Registered& registered,
                     const std::vector<std::string>& differing) {
  const auto name = shell_word(to_string(request.model->name));
  const bool asked = request.version.has_value();
  return {Error::Kind::conflict,
          to_string(request.model->name) + " " + to_string(registered.version) +
              " in the registry was not made from this commit: " + some_of(differing) +
              (differing.size() == 1 ? " is another" : " are others"),
          asked ? "`mlctl register " + name + "` takes the next free version, or register the commit it was made from"
                : "`mlctl verify " + name + "@" + to_string(registered.version) + "` tells more"};
}

}  // namespace

Result<Registered> register_head(const Project& project, registry::Git& git, registry::Store& store,
                                 const RegisterRequest& request, Progress& progress, Clock& clock) {
  auto git_tags = all_tags(git);
  if (!git_tags) return git_tags.error();
  auto head = git.head();
  if (!head) return head.error().context("nothing to register");
  if (auto committed = folder_is_committed(project, git, *request.model); !committed) return committed.error();
  auto at_head = model_at(project, git, *request.model, *head);
  if (!at_head) return at_head.error();
  if (auto served = check_served(project, *at_head); !served) return served.error();
  auto stored = registry::list_versions(store, request.model->name);
  if (!stored) return stored.error();
  const registry::ModelTags tags(request.model->name, *git_tags);
  auto version = choose_version(request, tags, *stored, *head);
  if (!version) return version.error();

  Registered registered{.version = *version, .commit = *head};
  for (;;) {
    if (auto settled = settle_digest(project, git, store, request, registered, progress, clock); !settled)
      return settled.error();
    if (registered.packed) break;
    auto differing = differences(project, git, store, request, registered);
    if (!differing) return differing.error();
    if (differing->empty()) break;
    if (request.version || tags.find(registered.version)) return made_elsewhere(request, registered, *differing);
    registered.notes.push_back(to_string(registered.version) + " in the registry is of other files: not taken");
    registered.version = registry::next_version(registered.version, registry::Bump::patch);
  }
  auto taken = registry::register_version(git, {.model = request.model->name,
                                                .version = registered.version,
                                                .commit = *head,
                                                .digest = registered.digest,
                                                .push = request.push});
  if (!taken) return taken.error();
  registered.tag = taken->tag;
  registered.existed = taken->existed;
  registered.pushed = taken->pushed;
  return registered;
}

}  // namespace mlctl::release
