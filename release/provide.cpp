#include "release/provide.h"

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

#include "base/parallel.h"
#include "registry/copy.h"
#include "registry/push.h"
#include "release/files.h"

namespace mlctl::release {
namespace {

constexpr std::size_t askers_limit = 8;  // requests at once

bool is_new_revision(const deploy::OwnerPlan& owner) {
  const bool begins = owner.rollout == deploy::OwnerPlan::Rollout::begins;
  if (owner.refused || owner.spec == nullptr || (owner.changes_nothing() && !begins) || !owner.after.stable)
    return false;
  if (owner.spec->kept) return false;  // it was copied when it served
  return !owner.before.stable || owner.before.stable->revision != owner.after.stable->revision;
}

// What git says and the registry lacks: the files of the version's commit.
Status push_missing(const deploy::Spec& spec, const Provider& provider) {
  const auto name = to_string(spec.model) + " " + to_string(spec.version);
  auto now = find_model(provider.project, to_string(spec.model));
  if (!now) return now.error();
  if (provider.git == nullptr || spec.commit.empty())
    return Error{Error::Kind::not_found, name + " is not in the registry", "`mlctl push` it there"};
  auto then = model_at(provider.project, *provider.git, **now, spec.commit);
  if (!then) return then.error().context(name);
  auto files = files_at(provider.project, *provider.git, *then, spec.commit);
  if (!files) return files.error().context(name);
  auto pushed = registry::push(provider.store, spec.model, *files, spec.version, {.commit = spec.commit},
                               provider.progress, provider.clock);
  return pushed ? ok() : Status(pushed.error().context(name));
}

Result<std::optional<registry::Publication>> publication_of(const deploy::Spec& spec, registry::Store& store) {
  auto found = store.find(spec.model, spec.version);
  if (!found || !*found || (*found)->model.digest == spec.digest) return found;
  return Error{Error::Kind::corrupt,
               to_string(spec.model) + " " + to_string(spec.version) + ": the registry has another one than " +
                   to_string(spec.digest),
               "`mlctl verify " + to_string(spec.model) + "@" + to_string(spec.version) + "` says more"};
}

Error never_arrived(const deploy::Spec& spec) {
  return {Error::Kind::unavailable,
          to_string(spec.model) + " " + to_string(spec.version) + " was pushed, and is not in the registry", ""};
}

using Found = std::vector<std::optional<registry::Publication>>;

// One after the other: git is not for several threads.
Status push_all_missing(const std::vector<const deploy::Spec*>& specs, Found& found, const Provider& provider) {
  for (std::size_t i = 0; i < specs.size(); ++i) {
    if (found[i]) continue;
    if (auto pushed = push_missing(*specs[i], provider); !pushed) return pushed;
    auto now = publication_of(*specs[i], provider.store);
    if (!now) return now.error();
    if (!*now) return never_arrived(*specs[i]);
    found[i] = std::move(*now);
  }
  return ok();
}

}  // namespace

std::vector<const deploy::Spec*> new_versions(const deploy::ClusterPlan& plan) {
  std::vector<const deploy::Spec*> specs;
  for (const auto& owner : plan.owners)
    if (is_new_revision(owner)) specs.push_back(owner.spec);
  return specs;
}

std::vector<const deploy::Spec*> new_versions(const deploy::Desired& desired, const deploy::FolderPlan& plan) {
  std::set<deploy::ObjectKey> made;
  for (const auto& change : plan.changes.changes)
    if (change.kind == deploy::Change::Kind::create && change.object.kind == "Deployment") made.insert(change.object);
  std::vector<const deploy::Spec*> specs;
  for (const auto& file : desired.files)
    if (file.spec() != nullptr && file.spec()->assignment > 0 &&
        std::any_of(file.keys.begin(), file.keys.end(),
                    [&](const deploy::ObjectKey& key) { return made.count(key) != 0; }))
      specs.push_back(file.spec());
  return specs;
}

Result<std::size_t> provide_images(const std::vector<const deploy::Spec*>& specs, const Provider& provider) {
  if (specs.empty() || !specs.front()->environment.copies) return std::size_t{0};
  Found found(specs.size());
  auto looked = in_parallel(specs.size(), askers_limit, [&](std::size_t i) -> Status {
    auto one = publication_of(*specs[i], provider.store);
    if (!one) return one.error();
    found[i] = std::move(*one);
    return ok();
  });
  if (!looked) return looked.error();
  if (auto pushed = push_all_missing(specs, found, provider); !pushed) return pushed.error();
  const auto pull = "oci://" + specs.front()->environment.pull;
  if (pull == provider.project.remote) return std::size_t{0};
  auto to = provider.open(pull);
  if (!to) return to.error();
  std::vector<std::optional<registry::CopySet>> wanted(specs.size());
  auto asked = in_parallel(specs.size(), askers_limit, [&](std::size_t i) -> Status {
    // A registry has everything that a manifest of its own names.
    const auto& image = found[i]->image;
    auto there = image.media_type.empty() ? Result<std::string>(Error{Error::Kind::not_found, "", ""})
                                          : (*to)->read_manifest(specs[i]->model, image.digest);
    if (there) return ok();
    if (there.error().kind != Error::Kind::not_found) return there.error();
    auto set = registry::copy_set(provider.store, specs[i]->model, *found[i]);
    if (!set) return set.error();
    wanted[i] = std::move(*set);
    return ok();
  });
  if (!asked) return asked.error();
  std::vector<registry::CopySet> sets;
  for (auto& one : wanted)
    if (one) sets.push_back(std::move(*one));
  if (sets.empty()) return std::size_t{0};
  auto report = registry::copy_versions(provider.store, **to, sets, provider.progress);
  if (!report) return report.error().context("copying to " + pull + ", which pods pull from");
  return sets.size() - static_cast<std::size_t>(report->existed);
}

}  // namespace mlctl::release
