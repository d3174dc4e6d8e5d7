#include "release/provide.h"

#include <vector>

#include "registry/copy.h"
#include "registry/push.h"
#include "release/files.h"

namespace mlctl::release {
namespace {

bool is_new_revision(const deploy::OwnerPlan& owner) {
  const bool begins = owner.rollout == deploy::OwnerPlan::Rollout::begins;
  if (owner.spec == nullptr || (owner.changes_nothing() && !begins) || !owner.after.stable) return false;
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

Result<registry::CopySet> set_of(const deploy::Spec& spec, const Provider& provider) {
  auto found = provider.store.find(spec.model, spec.version);
  if (!found) return found.error();
  if (!*found) {
    if (auto pushed = push_missing(spec, provider); !pushed) return pushed.error();
    found = provider.store.find(spec.model, spec.version);
    if (!found) return found.error();
  }
  if (!*found || (*found)->model.digest != spec.digest)
    return Error{Error::Kind::corrupt,
                 to_string(spec.model) + " " + to_string(spec.version) + ": the registry has another one than " +
                     to_string(spec.digest),
                 "`mlctl verify " + to_string(spec.model) + "@" + to_string(spec.version) + "` says more"};
  return registry::copy_set(provider.store, spec.model, **found);
}

}  // namespace

Result<std::size_t> provide_images(const deploy::ClusterPlan& plan, const Provider& provider) {
  std::vector<registry::CopySet> sets;
  std::string pull;
  for (const auto& owner : plan.owners) {
    if (!is_new_revision(owner)) continue;
    pull = "oci://" + owner.spec->environment.pull;
    auto set = set_of(*owner.spec, provider);
    if (!set) return set.error();
    sets.push_back(std::move(*set));
  }
  if (sets.empty() || pull == provider.project.remote) return std::size_t{0};
  auto to = provider.open(pull);
  if (!to) return to.error();
  auto report = registry::copy_versions(provider.store, **to, sets, provider.progress);
  if (!report) return report.error().context("copying to " + pull + ", which pods pull from");
  return sets.size() - static_cast<std::size_t>(report->existed);
}

}  // namespace mlctl::release
